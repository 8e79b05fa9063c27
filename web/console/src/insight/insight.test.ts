import { describe, expect, it } from "vitest";
import { basesOf, basesText, changed, shifted, written } from "./insight";

describe("figures", () => {
  it("are written by their kind, and — when they cannot be computed", () => {
    expect(written(null, "rate")).toBe("—");
    expect(written(0.9256, "rate")).toBe("92.6%");
    expect(written(12, "count")).toBe("12");
    expect(written(88.25, "score")).toBe("88.3");
  });
  it("say how they changed", () => {
    expect(changed({ change: -0.031, kind: "rate" }, "pp")).toBe("−3.1 pp");
    expect(changed({ change: 4, kind: "count" }, "pp")).toBe("+4");
    expect(changed({ change: null, kind: "count" }, "pp")).toBe("—");
  });
  it("move from one period to the next over the end of a year", () => {
    expect(shifted("2026-12-01", "2026-12-31", 1)).toBe("2027-01-01");
    expect(shifted("2027-01-01", "2027-01-31", -1)).toBe("2026-12-31");
  });
  it("keep chosen denominators in the address", () => {
    expect(basesOf(basesText({ reworkRate: "dispose" }))).toEqual({ reworkRate: "dispose" });
    expect(basesOf("")).toEqual({});
  });
});
