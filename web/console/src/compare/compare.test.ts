import { describe, expect, it } from "vitest";
import { axes, DAY, fromQuery, key, parse, shifted, toQuery, type Compared } from "./compare";

const A = "01900000-0000-7000-8000-000000000001", B = "01900000-0000-7000-8000-000000000002";

describe("a comparison as a link", () => {
  it("comes back as it was", () => {
    const look = { series: [{ device: A, property: "level", shift: 0 }, { device: B, property: "flow", shift: 604_800 }], span: 7 * DAY, to: 1_790_000_000_000 };
    expect(fromQuery(toQuery(look))).toEqual(look);
    expect(toQuery({ series: [], span: DAY, to: 0 })).toEqual({});
    expect(fromQuery({})).toEqual({ series: [], span: DAY, to: 0 });
  });
  it("leaves out what is no series, what is there twice, and what is too much", () => {
    expect(parse(`x:level,${A},${A}:level,${A}:level:0,${A}:level:-5,${B}:flow:60`).map(key)).toEqual([`${A}:level`, `${B}:flow:60`]);
    expect(parse(Array.from({ length: 12 }, (_, i) => `${A}:p${i}`).join(","))).toHaveLength(8);
  });
  it("refuses spans that are none", () => {
    expect(fromQuery({ span: "5" }).span).toBe(DAY);
    expect(fromQuery({ span: "x", to: "-4" })).toEqual({ series: [], span: DAY, to: 0 });
  });
});

describe("drawing", () => {
  it("has an axis for each unit", () => {
    expect(axes(["m", "m³/s", "m"])).toEqual({ units: ["m", "m³/s"], of: [0, 1, 0] });
  });
  it("lays a shifted series over the span, values as they are", () => {
    const one = { t: [1000, 2000], min: [1, 2], max: [3, 4], mean: [2, 3], count: [1, 1], shift_s: 60 } as Compared;
    expect(shifted(one)).toEqual({ t: [61_000, 62_000], min: [1, 2], max: [3, 4], mean: [2, 3], count: [1, 1] });
  });
});
