import { describe, expect, it } from "vitest";
import { url } from "../api/client";
import { Problem } from "../api/problem";
import { setLocale } from "../i18n/index";
import { dueStatus, severityStatus } from "./status";
import { fromLocal, left, relative, short, stamp, toLocal } from "./time";

const at = Date.parse("2026-11-23T06:03:00Z"); // 14:03 in the district
globalThis.localStorage ??= { getItem: () => null, setItem: () => {} } as never;

describe("times", () => {
  it("are the district's, whatever this machine's zone", () => {
    expect(stamp(at)).toBe("2026-11-23 14:03");
    expect(toLocal(at)).toBe("2026-11-23T14:03");
    expect(fromLocal("2026-11-23T14:03")).toBe("2026-11-23T06:03:00.000Z");
    expect(short(at - 86_400_000, at)).toBe("昨天 14:03");
  });
  it("read in both languages", () => {
    expect(relative(at - 12 * 60_000, at)).toBe("12 分钟前");
    expect(left(at + 18 * 60_000, at)).toBe("剩 18 分");
    setLocale("en");
    expect(left(at - 125 * 60_000, at)).toBe("2 h 5 min over");
    expect(relative(at - 2 * 86_400_000, at)).toBe("2 days ago");
    setLocale("zh-Hans");
  });
});

describe("status", () => {
  it("follows the deadline, and paused work is not late", () => {
    expect(dueStatus({ due_at: at - 1 }, at)).toBe("urgent");
    expect(dueStatus({ due_at: at + 60_000 }, at)).toBe("soon");
    expect(dueStatus({ due_at: at + 86_400_000 }, at)).toBe("fine");
    expect(dueStatus({ due_at: at - 1, paused: true }, at)).toBe("paused");
    expect(severityStatus("critical")).toBe("urgent");
  });
});

describe("addresses and refusals", () => {
  it("leave out what was not asked", () => {
    expect(url("/cases", { q: "", state: ["a", "b"], limit: 5, cursor: null })).toBe("/api/v1/cases?state=a&state=b&limit=5");
  });
  it("find the refusal of a field by its last name", () => {
    const problem = new Problem({ status: 422, errors: [{ field: "place.lon", reason: "must be a number" }] });
    expect(problem.reason("lon")).toBe("must be a number");
  });
});
