import { describe, expect, it } from "vitest";
import { linesOf, sampleOf, standingOf } from "./standing";
import type { Delivery, Preset } from "./types";

const last = (outcome: Delivery["outcome"]): Delivery => ({ id: "1", outcome, status: 200, errors: [], case_id: null, number: "", created_at: "2026-11-26T00:00:00Z" });
describe("an entry point", () => {
  it("stands as it was switched, then as its last message went", () => {
    expect(standingOf({ enabled: false, last: last("refused"), last_success_at: null }).key).toBe("intake.off");
    expect(standingOf({ enabled: true, last: last("signature"), last_success_at: "2026-11-25T00:00:00Z" }).status).toBe("urgent");
    expect(standingOf({ enabled: true, last: last("again"), last_success_at: "2026-11-25T00:00:00Z" }).key).toBe("intake.well");
    expect(standingOf({ enabled: true, last: last("verified"), last_success_at: null }).key).toBe("intake.unused");
  });
  it("shows its fields in the order of a report", () => {
    const lines = linesOf({ outside_id: "$.id", category: { path: "$.kind", table: { a: "200406" } }, text: ["$.a", "$.b"] });
    expect(lines.map((one) => one.field)).toEqual(["text", "category", "outside_id"]);
    expect(lines[0]!.paths).toEqual(["$.a", "$.b"]);
    expect(lines[1]!.category?.table).toEqual({ a: "200406" });
  });
  it("offers the sample of the form with the same paths only", () => {
    const preset: Preset = { code: "plain", zh: "", en: "", kind: "json", channel: "webhook", mapping: { text: ["$.text"], lon: "$.lon" }, sample: { text: "x" } };
    expect(sampleOf({ lon: "$.lon", text: ["$.text"] }, [preset])).toEqual({ text: "x" });
    expect(sampleOf({ text: ["$.words"] }, [preset])).toBeNull();
  });
});
