import { describe, expect, it } from "vitest";
import { drop, gone, lineOf, moved, put, putEnd, recode, setStep, stepOf, unitsLike, wasOf, wrongAt } from "./body";
import type { Body, UnitRow } from "./types";

const NAME = { zh: "甲", en: "a" };
const body = (): Body => ({ code: "m", version: 2, name: NAME, subject: "place", category: "water", interval_s: 60, properties: [{ code: "lvl", name: NAME, type: "number", unit: "cm" }, { code: "wet", name: NAME, type: "bool" }] });
const BEFORE = ["lvl", "wet"];

describe("a thing model being written", () => {
  it("keeps what a renamed property was, letter by letter", () => {
    const one = body();
    for (const code of ["l", "le", "level"]) recode(one, 0, code, BEFORE);
    expect(one.migrate).toEqual([{ to: 2, rename: { lvl: "level" } }]);
    setStep(one, "level", "lvl", 0.01);
    recode(one, 0, "water_level", BEFORE);
    expect(stepOf(one)).toEqual({ to: 2, rename: { lvl: "water_level" }, convert: { water_level: { factor: 0.01, offset: 0 } } });
    expect(wasOf(one, "water_level")).toBe("lvl");
    expect(gone(one, BEFORE)).toEqual([]);
    recode(one, 0, "lvl", BEFORE);
    expect(one.migrate).toBeUndefined();
  });

  it("keeps what a property was while its code is empty for a moment", () => {
    const one = body();
    recode(one, 0, "", BEFORE);
    expect(one.migrate).toBeUndefined();
    expect(gone(one, BEFORE)).toEqual(["lvl"]);
  });

  it("leaves the steps of earlier versions alone", () => {
    const one = { ...body(), version: 3, migrate: [{ to: 2, rename: { a: "lvl" } }] };
    recode(one, 0, "level", BEFORE);
    drop(one, 0);
    expect(one.migrate).toEqual([{ to: 2, rename: { a: "lvl" } }]);
    expect(gone(one, BEFORE)).toEqual(["lvl"]);
  });

  it("moves rows, and takes empty fields out", () => {
    expect(moved([1, 2, 3], 0, 2)).toEqual([2, 3, 1]);
    expect(moved([1, 2], 1, 2)).toEqual([1, 2]);
    const one = body().properties[0]!;
    put(one, "precision", 2);
    put(one, "precision", "");
    putEnd(one, "range", 0, 5);
    expect(one).toEqual({ code: "lvl", name: NAME, type: "number", unit: "cm", range: [5, null] });
    putEnd(one, "range", 0, Number.NaN);
    expect("range" in one).toBe(false);
  });

  it("finds the refusals of a field and of what is in it", () => {
    const wrong = (field: string) => ({ field, reason: NAME });
    const all = [wrong("properties.1.unit"), wrong("properties.10.unit"), wrong("properties")];
    expect(wrongAt(all, "properties.1", true)).toEqual([all[0]]);
    expect(wrongAt(all, "properties")).toEqual([all[2]]);
  });

  it("finds units by code, sign and name", () => {
    const units: UnitRow[] = [{ code: "cm", shown: "cm", name: { zh: "厘米", en: "centimetre" } }, { code: "m", shown: "m", name: { zh: "米", en: "metre" } }, { code: "ug/m3", shown: "μg/m³", name: { zh: "微克每立方米", en: "microgram" } }];
    expect(unitsLike(units, "m").map((one) => one.code)).toEqual(["m", "ug/m3", "cm"]);
    expect(unitsLike(units, "米").map((one) => one.code)[0]).toBe("m");
    expect(unitsLike(units, "μg").map((one) => one.code)).toEqual(["ug/m3"]);
    expect(unitsLike(units, "furlong")).toEqual([]);
  });

  it("tells values of a comparison", () => {
    expect([null, [0, 10], NAME, { jump: 1 }, true].map(lineOf)).toEqual(["–", "0 – 10", "甲 / a", '{"jump":1}', "true"]);
  });
});
