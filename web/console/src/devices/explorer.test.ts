import { describe, expect, it } from "vitest";
import { asked, count, fromQuery, toggled, toQuery, window } from "./explorer";

describe("the explorer's question", () => {
  it("is its address, and comes back from it", () => {
    const query = { q: "泵", model: "gauge,lamp", link: "silent", sort: "alarm", view: "map", in: "map" };
    expect(toQuery(fromQuery(query))).toEqual(query);
    expect(toQuery(fromQuery({}))).toEqual({});
    expect(fromQuery({ online: "false", owner: "x" }).chosen).toMatchObject({ link: ["silent"], owner: ["x"] });
    expect(count(fromQuery(query))).toBe(4);
  });
  it("asks within the workspace until an area is chosen, and within the map only when that is wanted", () => {
    const look = fromQuery({ model: "gauge" });
    expect(asked(look, "1.2", "1,2,3,4")).toMatchObject({ area: "1.2", model: "gauge", bbox: "" });
    expect(asked(toggled({ ...look, inMap: true }, "area", "1.2.3"), "1.2", "1,2,3,4")).toMatchObject({ area: "1.2.3", bbox: "1,2,3,4" });
  });
  it("adds alternatives, replaces an area, lets go by the same press", () => {
    let look = toggled(toggled(fromQuery({}), "model", "a"), "model", "b");
    expect(look.chosen.model).toEqual(["a", "b"]);
    look = toggled(look, "model", "a");
    expect(look.chosen.model).toEqual(["b"]);
    expect(toggled(toggled(look, "area", "1.1"), "area", "1.2").chosen.area).toEqual(["1.2"]);
  });
});

describe("a long list", () => {
  it("draws what is in sight, with the height of all", () => {
    const found = window(36_000, 720, 36, 100_000);
    expect(found).toEqual({ from: 992, to: 1_028, before: 992 * 36, after: (100_000 - 1_028) * 36 });
    expect(window(0, 720, 36, 5)).toEqual({ from: 0, to: 5, before: 0, after: 0 });
    expect(window(1e9, 720, 36, 5)).toMatchObject({ from: 5, to: 5, after: 0 });
  });
});
