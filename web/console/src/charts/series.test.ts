import { describe, expect, it } from "vitest";
import { drawn, step } from "./series";

describe("a series", () => {
  it("breaks where readings are missing, and nowhere else", () => {
    const t = [0, 60, 120, 180, 600, 660];
    const found = drawn({ t, min: t.map(() => 1), max: t.map(() => 3), mean: t.map(() => 2), count: t.map(() => 5) });
    expect(step(t)).toBe(60);
    expect(found.gaps).toEqual([[180, 600]]);
    expect(found.mean).toHaveLength(7);
    expect(found.mean[4]).toEqual([390, null]);
    expect(found.band[0]).toEqual([0, 2]);
    expect(found.banded).toBe(true);
  });
  it("is empty without readings", () => {
    expect(drawn({ t: [], min: [], max: [], mean: [], count: [] })).toEqual({ mean: [], low: [], band: [], banded: false, gaps: [] });
  });
});
