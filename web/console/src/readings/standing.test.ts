import { describe, expect, it } from "vitest";
import { addressOf, linesOf, placeOf, sampleOf, standingOf } from "./standing";
import type { Delivery, Preset } from "./types";

const last = (outcome: Delivery["outcome"]): Delivery => ({ id: "1", outcome, status: 200, errors: [], items: 1, readings: 2, unknown: 0, created_at: "2026-11-26T00:00:00Z" });
const mapping = { each: "$.items[*]", device: { path: "@.id" }, time: { path: "@.t" }, readings: [{ path: "@.v", property: "level" }, { path: "@.more", fields: true }] };
describe("a reading hook", () => {
  it("stands as it was switched, then as its last push went", () => {
    expect(standingOf({ enabled: false, last: last("refused"), last_success_at: null }).key).toBe("intake.off");
    expect(standingOf({ enabled: true, last: last("signature"), last_success_at: "2026-11-25T00:00:00Z" }).status).toBe("urgent");
    expect(standingOf({ enabled: true, last: last("passed"), last_success_at: "2026-11-25T00:00:00Z" }).key).toBe("intake.well");
    expect(standingOf({ enabled: true, last: last("verified"), last_success_at: null }).key).toBe("intake.unused");
  });
  it("shows its mapping line by line", () => {
    expect(linesOf(mapping).map((one) => `${one.what} ${one.at} ${one.more}`.trim())).toEqual([
      "each $.items[*]", "device @.id code", "time @.t ms", "reading @.v level", "reading @.more *",
    ]);
  });
  it("offers the sample of the form with the same lines only", () => {
    const preset = { code: "x", zh: "", en: "", source: { zh: "", en: "" }, unchecked: null, auth: { way: "token" }, mapping, sample: { items: [] } } satisfies Preset;
    expect(sampleOf({ ...mapping }, [preset])).toEqual({ items: [] });
    expect(sampleOf({ ...mapping, each: "$.other[*]" }, [preset])).toBeNull();
  });
  it("puts a token into the address only where the platform has no header for it", () => {
    const made = { path: "/readings-intake/x", auth: { way: "token", in: "query" } } as const;
    expect(addressOf("https://d", made, "s")).toBe("https://d/readings-intake/x?token=s");
    expect(addressOf("https://d", { ...made, auth: { way: "token" } }, "s")).toBe("https://d/readings-intake/x");
    expect(placeOf({ way: "hmac" })).toBe("X-Signature");
    expect(placeOf({ way: "token", name: "X-Key" })).toBe("X-Key");
  });
});
