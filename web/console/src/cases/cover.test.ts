import { expect, test } from "vitest";
import { at, moved } from "./cover";

test("a rectangle between two corners stays in the picture, whichever comes first", () => {
  expect(at({ x: 0.75, y: 0.5 }, { x: 0.25, y: 1.5 })).toEqual({ x: 0.25, y: 0.5, w: 0.5, h: 0.5 });
});

test("keys move, size and remove, and never beyond the edge", () => {
  const box = { x: 0, y: 0.5, w: 0.5, h: 0.5 };
  expect(moved(box, "ArrowLeft", false)).toEqual(box);
  expect(moved(box, "ArrowRight", false)!.x).toBeCloseTo(0.02);
  expect(moved(box, "ArrowDown", true)!.h).toBeCloseTo(0.5);
  expect(moved(box, "Delete", false)).toBeNull();
  expect(moved(box, "Tab", false)).toBeUndefined();
});
