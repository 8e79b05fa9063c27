import { describe, expect, it } from "vitest";
import en from "./i18n/en.json";
import zh from "./i18n/zh.json";
import { pieces } from "./classes";
import { metres } from "./geo";
import { fillPath } from "./offline/path";

describe("words", () => {
  it("has every word in both languages", () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort());
  });
});

describe("likely classes", () => {
  it("cuts Chinese into pairs and English into words", () => {
    expect([...pieces("井盖破损 Manhole 2")].sort()).toEqual(["manhole", "井盖", "盖破", "破损"].sort());
  });
});

describe("distance", () => {
  it("is about 111 km for one degree of latitude", () => {
    expect(Math.round(metres({ lon: 117, lat: 31 }, { lon: 117, lat: 32 }) / 1000)).toBe(111);
  });
});

describe("paths of later steps", () => {
  it("are filled from the answers of earlier ones", () => {
    expect(fillPath("/cases/{0.id}/photos", [{ id: "a b" }])).toBe("/cases/a%20b/photos");
  });
});
