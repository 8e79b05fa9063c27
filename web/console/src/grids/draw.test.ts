import { describe, expect, it } from "vitest";
import { cornersOf, enough, nearestEdge, polygonOf, sketch, withCorners, type Point } from "./draw";

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

describe("a grid in several parts", () => {
  const far: GeoJSON.Position[][] = [[[9, 9], [9.5, 9], [9.4, 9.2], [9.5, 9.5], [9, 9.5], [9, 9]]];
  const hole: GeoJSON.Position[] = [[1, 1], [1, 2], [2, 2], [1, 1]];
  const large: GeoJSON.Position[][] = [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], hole];
  it("is redrawn in its largest part, and keeps the others and the holes", () => {
    const shape: GeoJSON.MultiPolygon = { type: "MultiPolygon", coordinates: [far, large] };
    expect(cornersOf(shape)).toHaveLength(4);
    const moved = withCorners(shape, [[0, 0], [5, 0], [4, 4], [0, 4]]);
    expect(moved).toEqual({ type: "MultiPolygon", coordinates: [far, [[[0, 0], [5, 0], [4, 4], [0, 4], [0, 0]], hole]] });
  });
  it("stays a polygon when it is one", () => {
    expect(withCorners({ type: "Polygon", coordinates: large }, [[0, 0], [5, 0], [0, 5]])).toEqual({
      type: "Polygon", coordinates: [[[0, 0], [5, 0], [0, 5], [0, 0]], hole],
    });
  });
});
