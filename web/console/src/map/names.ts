/** One label per grid, in the language of the page, at a point inside it. */
import type { Collection } from "@shared/map/base";
import { named } from "../i18n/index";

export function gridNames(shapes: Collection | null): Collection {
  const features = (shapes?.features ?? []).map((feature): GeoJSON.Feature => {
    const p = feature.properties ?? {};
    const at = typeof p["lon"] === "number" ? [p["lon"], p["lat"]] : middle(feature.geometry);
    const name = typeof p["name"] === "string" ? p["name"] : named((p["name"] as never) ?? { zh: p["name_zh"], en: p["name_en"] });
    return { type: "Feature", properties: { name, level: p["level"] }, geometry: { type: "Point", coordinates: at as number[] } };
  });
  return { type: "FeatureCollection", features };
}

/** The mean of the longest ring: good enough for a label. */
export function middle(geometry: GeoJSON.Geometry): [number, number] {
  const rings = geometry.type === "Polygon" ? [geometry.coordinates[0]!] : geometry.type === "MultiPolygon" ? geometry.coordinates.map((p) => p[0]!) : [];
  const ring = rings.sort((a, b) => b.length - a.length)[0] ?? [[0, 0]];
  const sum = ring.reduce((total, [x = 0, y = 0]) => [total[0]! + x, total[1]! + y], [0, 0]);
  return [sum[0]! / ring.length, sum[1]! / ring.length];
}
