import { describe, expect, it } from "vitest";
import { drawn, rangeAt, ranged, step, type Expected } from "./series";

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

describe("the expected range", () => {
  const minute = 60_000;
  const expected: Expected = { property: "level", t: [0, minute, 2 * minute, 9 * minute], low: [null, 1, 2, 3], high: [null, 5, 6, 9], learnt_from: null, step_s: null, odd_total: 0, odd: [] };
  it("is stacked from its lower edge, with nothing where nothing is known", () => {
    const found = ranged(expected);
    expect(found.low).toEqual([[0, null], [minute, 1], [2 * minute, 2], [9 * minute, 3]]);
    expect(found.height.map((one) => one[1])).toEqual([null, 4, 4, 6]);
    expect(ranged(null)).toEqual({ low: [], height: [] });
  });
  it("tells its edges at a moment, but not far from what is known", () => {
    expect(rangeAt(expected, minute + 5)).toEqual([1, 5]);
    expect(rangeAt(expected, 2 * minute)).toEqual([2, 6]);
    expect(rangeAt(expected, 0)).toBeNull();
    expect(rangeAt(expected, 6 * minute)).toBeNull();
    expect(rangeAt(expected, 9 * minute + 1)).toEqual([3, 9]);
    expect(rangeAt(null, 0)).toBeNull();
  });
});
