import { describe, expect, it } from "vitest";
import { cornersOf, enough, nearestEdge, polygonOf, sketch, type Point } from "./draw";

const square: Point[] = [[0, 0], [1, 0], [1, 1], [0, 1]];

describe("drawing", () => {
  it("closes rings and takes them apart again", () => {
    expect(polygonOf(square).coordinates[0]).toHaveLength(5);
    expect(cornersOf(polygonOf(square))).toEqual(square);
  });
  it("puts a new corner on the edge it is next to", () => {
    expect(nearestEdge(square, [1.1, 0.5])).toBe(1);
    expect(nearestEdge(square, [-0.1, 0.5])).toBe(3);
  });
  it("knows when there is enough", () => {
    expect(enough("split", square.slice(0, 1))).toBe(false);
    expect(enough("split", square.slice(0, 2))).toBe(true);
    expect(enough("draw", square.slice(0, 2))).toBe(false);
    expect(sketch("draw", square).features[0]!.geometry.type).toBe("Polygon");
  });
});
