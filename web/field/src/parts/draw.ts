/** Draws paper, roads, water, buildings and grid boundaries in the tokens of the theme. */
import { setData, type Collection, type MapLibre } from "@shared/map/base";
import { token } from "@shared/util/theme";

export function drawBase(map: MapLibre, base: Collection, grids: Collection): void {
  setData(map, "base", base);
  setData(map, "grids", grids);
  const kind = (name: string) => ["==", ["get", "kind"], name] as never;
  map.addLayer({ id: "green", type: "fill", source: "base", filter: kind("green"), paint: { "fill-color": token("map-green") } });
  const water = (type: string) => ["all", kind("water"), ["==", ["geometry-type"], type]] as never; // a stream is a line: filled, it would flood the map
  map.addLayer({ id: "water", type: "fill", source: "base", filter: water("Polygon"), paint: { "fill-color": token("map-water") } });
  map.addLayer({ id: "stream", type: "line", source: "base", filter: water("LineString"), layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": token("map-water"), "line-width": ["interpolate", ["linear"], ["zoom"], 12, 1.5, 17, 9] } });
  map.addLayer({ id: "building", type: "fill", source: "base", filter: kind("building"), minzoom: 14, paint: { "fill-color": token("map-building") } });
  map.addLayer({ id: "road", type: "line", source: "base", filter: kind("road"), paint: { "line-color": token("map-road-edge"), "line-width": ["interpolate", ["linear"], ["zoom"], 12, 1, 17, 7] } });
  map.addLayer({ id: "grid", type: "line", source: "grids", paint: { "line-color": token("map-grid"), "line-width": 1.5, "line-dasharray": [3, 2] } });
}
