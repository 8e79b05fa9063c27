import { describe, expect, it } from "vitest";
import { ref } from "vue";
import { cellFeatures, short } from "../data/cases";
import { around, NEAR, question, readCases, type Seen } from "./useCaseMap";

const COLUMNS = ["lon", "lat", "count", "urgent", "soon", "paused", "id", "number"];
const cells = { at: "", columns: COLUMNS, rows: [[117.2, 32, 1200, 3, 1, 0, null, null], [117.3, 32, 1, 0, 0, 1, "c1", "2026-11-0001"], [117.4, 32, 5, 0, 2, 1, null, null]], total: 1206, more: false };
const pins = (more: boolean) => ({ at: "", columns: [], rows: [], more });
const far: Seen = { zoom: 11.7, box: [117, 31.9, 117.4, 32.1] }, near: Seen = { zoom: NEAR, box: [117.2, 31.98, 117.23, 31.99] };

async function asked(pinsMore: (query: Record<string, string | number>) => boolean, many: boolean, seen: Seen | null) {
  const paths: string[] = [], known = ref(many);
  const read = async (path: string, query: Record<string, string | number>) => {
    paths.push(`${path.slice("/cases/".length)}${query["most"] ? " few" : query["bbox"] ? " part" : ""}${query["zoom"] ?? ""}`);
    return (path.endsWith("pins") ? pins(pinsMore(query)) : cells) as never;
  };
  const found = await readCases(read, "", known, seen);
  return { paths, many: known.value, kind: found.pins ? "pins" : "cells" };
}

describe("cases on the map", () => {
  it("are read as pins, once, while there are few", async () => {
    expect(await asked(() => false, false, far)).toEqual({ paths: ["pins few"], many: false, kind: "pins" });
  });
  it("are cells when there are many and the map is far, pins of the part shown when near", async () => {
    expect(await asked((query) => "most" in query, false, far)).toEqual({ paths: ["pins few", "clusters11"], many: true, kind: "cells" });
    expect(await asked(() => false, true, far)).toEqual({ paths: ["clusters11"], many: true, kind: "cells" });
    expect(await asked(() => false, true, near)).toEqual({ paths: ["pins part"], many: true, kind: "pins" });
    expect((await asked(() => true, true, near)).kind).toBe("cells");
    expect((await asked(() => false, true, null)).paths).toEqual(["clusters11"]);
  });
  it("are read anew when the zoom changes a step or the part leaves the box, and not before", () => {
    expect(question(false, far)).toBe(question(false, near));
    expect(question(true, far)).toBe(question(true, { zoom: 11.1, box: [116, 31, 117, 32] }));
    expect(question(true, far)).not.toBe(question(true, { ...far, zoom: 12 }));
    const [west, south, east, north] = around(near.box).split(",").map(Number) as [number, number, number, number];
    expect(west < 117.2 && south < 31.98 && east > 117.23 && north > 31.99).toBe(true);
    expect(question(true, { ...near, box: [117.2001, 31.9801, 117.2301, 31.9901] })).toBe(question(true, near));
  });
  it("take the colour of the worst in their cell, and a lone one keeps its id", () => {
    const told = cellFeatures(cells).features.map((one) => one.properties!);
    expect(told.map((one) => one["status"])).toEqual(["urgent", "paused", "soon"]);
    expect(told.map((one) => [one["label"], one["id"]])).toEqual([["1.2k", ""], ["1", "c1"], ["5", ""]]);
    expect(cellFeatures(null).features).toEqual([]);
    expect([999, 9_960, 27_031].map(short)).toEqual(["999", "10k", "27k"]);
  });
});
