/** What is drawn above the paper: the district's own layers, grids, and the things that need attention. */
import type { MapLibre } from "@shared/map/base";
import { NOTHING, setData } from "@shared/map/base";
import { token } from "@shared/util/theme";

/** Drawn kinds of the district's layers, in order from below. `kind` is a property of each feature. */
export function addBase(map: MapLibre): void {
  setData(map, "base", NOTHING);
  const is = (...kinds: string[]) => ["in", ["get", "kind"], ["literal", kinds]] as never;
  const before = map.getLayer("grid-fill") ? "grid-fill" : undefined;
  const add = (layer: object) => map.addLayer({ source: "base", ...layer } as never, before);
  const wide = (lane: number, street: number, main: number) => ["match", ["get", "class"], "main", main, "street", street, lane];
  add({ id: "base-green", type: "fill", filter: is("green", "park"), paint: { "fill-color": token("map-green") } });
  add({ id: "base-water", type: "fill", filter: ["all", is("water", "lake", "river"), ["==", ["geometry-type"], "Polygon"]], paint: { "fill-color": token("map-water") } });
  add({ id: "base-stream", type: "line", filter: ["all", is("water", "river", "channel", "canal"), ["==", ["geometry-type"], "LineString"]], layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": token("map-water"), "line-width": zoomed(1.5, 9) } });
  add({ id: "base-compound", type: "fill", filter: is("compound"), paint: { "fill-color": token("map-building"), "fill-opacity": 0.45 } });
  add({ id: "base-road-edge", type: "line", filter: is("road", "main_road", "street"), layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": token("map-road-edge"), "line-width": byClass(wide(0.8, 2.2, 3.6), wide(9, 15, 22)) } });
  add({ id: "base-road", type: "line", filter: is("road", "main_road", "street"), layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": token("map-road"), "line-width": byClass(wide(0.4, 1.4, 2.6), wide(7, 12, 18)) } });
  add({ id: "base-building", type: "fill", minzoom: 14, filter: is("building"), paint: { "fill-color": token("map-building"), "fill-outline-color": token("map-road-edge") } });
}

function zoomed(far: number, near: number): never {
  return ["interpolate", ["exponential", 1.4], ["zoom"], 10, far * 0.5, 13, far, 18, near] as never;
}

function byClass(far: unknown, near: unknown): never {
  return ["interpolate", ["exponential", 1.5], ["zoom"], 12, far, 18, near] as never;
}

export function addGrids(map: MapLibre, scale = 1): void {
  setData(map, "grids", NOTHING);
  setData(map, "grid-names", NOTHING);
  const level = ["get", "level"];
  const near = 13.8 + Math.log2(scale); // larger letters need more room
  map.addLayer({ id: "grid-fill", type: "fill", source: "grids", paint: { "fill-color": token("accent"), "fill-opacity": 0 } });
  map.addLayer({
    id: "grid-line", type: "line", source: "grids", filter: ["any", ["<=", level, 2], [">=", ["zoom"], 13.5]] as never,
    paint: {
      "line-color": token("map-grid"),
      "line-opacity": ["match", level, 0, 0.9, 1, 0.75, 2, 0.5, 0.3] as never,
      "line-width": ["match", level, 0, 2.4, 1, 1.8, 2, 1.1, 0.7] as never,
      "line-dasharray": [3, 2],
    },
  });
  map.addLayer({
    id: "grid-name", type: "symbol", source: "grid-names", minzoom: 10.5,
    filter: ["any", ["all", ["==", level, 2], ["<", ["zoom"], near]], ["all", ["==", level, 3], [">=", ["zoom"], near], ["<", ["zoom"], near + 1.2]], ["all", ["==", level, 4], [">=", ["zoom"], near + 1.2]]] as never,
    layout: { "text-field": ["get", "name"], "text-size": ["interpolate", ["linear"], ["zoom"], 11, 10 * scale, 16, 14 * scale], "text-font": ["sans"], "text-max-width": 8, "text-allow-overlap": true, "text-ignore-placement": true },
    paint: { "text-color": token("map-label"), "text-halo-color": token("map-halo"), "text-halo-width": 1.4, "text-opacity": 0.85 },
  });
}

const CLUSTER = { radius: 44, maxZoom: 15 };

export function addThings(map: MapLibre, scale = 1): void {
  setData(map, "devices", NOTHING, { ...CLUSTER, radius: 56, maxZoom: 15 });
  setData(map, "members", NOTHING);
  setData(map, "cases", NOTHING, { ...CLUSTER, properties: { urgent: ["+", ["case", ["==", ["get", "status"], "urgent"], 1, 0]], soon: ["+", ["case", ["==", ["get", "status"], "soon"], 1, 0]] } });
  setData(map, "cells", NOTHING);
  setData(map, "alarms", NOTHING);
  setData(map, "device-cells", NOTHING);
  setData(map, "alarm-cells", NOTHING);
  setData(map, "selected", NOTHING);
  const icon = { "icon-allow-overlap": true, "icon-ignore-placement": true };
  map.addLayer({
    id: "device-cluster", type: "circle", source: "devices", minzoom: 13, filter: ["has", "point_count"],
    paint: { "circle-color": token("map-halo"), "circle-opacity": 0.75, "circle-stroke-color": token("line-strong"), "circle-stroke-width": 0.6, "circle-radius": ["step", ["get", "point_count"], 7 * scale, 20, 9 * scale, 100, 11 * scale] },
  });
  map.addLayer({ id: "device-count", type: "symbol", source: "devices", minzoom: 13, filter: ["has", "point_count"], layout: { "text-field": ["get", "point_count_abbreviated"], "text-size": 9.5 * scale, "text-font": ["sans"], "text-allow-overlap": true, "text-ignore-placement": true }, paint: { "text-color": token("soft") } });
  map.addLayer({ id: "device", type: "symbol", source: "devices", minzoom: 13, filter: ["!", ["has", "point_count"]], layout: { ...icon, "icon-image": ["concat", "device-", ["get", "status"]], "icon-size": 0.62 * scale } });
  addCells(map, scale);
  map.addLayer({ id: "selected", type: "circle", source: "selected", paint: { "circle-radius": 20 * scale, "circle-color": token("accent"), "circle-opacity": 0.18, "circle-stroke-color": token("accent"), "circle-stroke-width": 2.5 } });
  map.addLayer({ id: "member", type: "symbol", source: "members", layout: { ...icon, "icon-image": "member", "icon-size": 0.8 * scale } });
  map.addLayer({ id: "alarm", type: "symbol", source: "alarms", layout: { ...icon, "icon-image": ["concat", "device-", ["get", "status"]], "icon-size": 0.9 * scale } });
  const ground = { "circle-color": ["case", [">", ["get", "urgent"], 0], token("urgent"), [">", ["get", "soon"], 0], token("soon"), token("fine")], "circle-stroke-color": token("panel"), "circle-stroke-width": 2 };
  const figure = { "text-size": 13 * scale, "text-font": ["sans"], "text-allow-overlap": true };
  const mark = { ...icon, "icon-image": ["concat", "case-", ["get", "status"]], "icon-size": scale, "symbol-sort-key": ["match", ["get", "status"], "urgent", 3, "soon", 2, 1] };
  const radius = (of: string) => ({ "circle-radius": ["step", ["get", of], 13 * scale, 20, 17 * scale, 100, 21 * scale, 1000, 25 * scale] });
  const add = (layer: object) => map.addLayer(layer as never);
  add({ id: "case-cluster", type: "circle", source: "cases", filter: ["has", "point_count"], paint: { ...ground, ...radius("point_count") } });
  add({ id: "case-count", type: "symbol", source: "cases", filter: ["has", "point_count"], layout: { "text-field": ["get", "point_count_abbreviated"], ...figure }, paint: { "text-color": token("on-status") } });
  add({ id: "case", type: "symbol", source: "cases", filter: ["!", ["has", "point_count"]], layout: mark });
  // the same marks for what the service has counted by cells
  add({ id: "cell-cluster", type: "circle", source: "cells", filter: [">", ["get", "count"], 1], paint: { ...ground, ...radius("count") } });
  add({ id: "cell-count", type: "symbol", source: "cells", filter: [">", ["get", "count"], 1], layout: { "text-field": ["get", "label"], ...figure }, paint: { "text-color": token("on-status") } });
  add({ id: "cell", type: "symbol", source: "cells", filter: ["==", ["get", "count"], 1], layout: mark });
}

/** Devices and alarms that the service has counted by cells: a ground of paper with the number in ink, its edge the worst alarm; alarms filled. */
function addCells(map: MapLibre, scale: number): void {
  const several = [">", ["get", "count"], 1], alone = ["==", ["get", "count"], 1];
  const colour = (calm: string) => ["match", ["get", "status"], "urgent", token("urgent"), "soon", token("soon"), token(calm)];
  const radius = (n: string) => ["step", ["get", n], 10 * scale, 10, 12 * scale, 100, 15 * scale, 1_000, 19 * scale, 10_000, 23 * scale];
  const figure = { "text-font": ["sans"], "text-allow-overlap": true, "text-ignore-placement": true };
  const icon = { "icon-allow-overlap": true, "icon-ignore-placement": true, "icon-image": ["concat", "device-", ["get", "status"]] };
  const add = (layer: object) => map.addLayer(layer as never);
  add({ id: "device-cells", type: "circle", source: "device-cells", filter: several, paint: { "circle-color": token("map-halo"), "circle-opacity": 0.92, "circle-stroke-color": colour("soft"), "circle-stroke-width": ["match", ["get", "status"], "urgent", 2.4 * scale, "soon", 2.4 * scale, 1.2 * scale], "circle-radius": radius("count") } });
  add({ id: "device-cells-count", type: "symbol", source: "device-cells", filter: several, layout: { ...figure, "text-field": ["get", "label"], "text-size": 11.5 * scale }, paint: { "text-color": token("ink") } });
  add({ id: "device-cell", type: "symbol", source: "device-cells", filter: alone, layout: { ...icon, "icon-size": 0.62 * scale } });
  add({ id: "alarm-cells", type: "circle", source: "alarm-cells", filter: several, paint: { "circle-color": colour("info"), "circle-stroke-color": token("panel"), "circle-stroke-width": 1.6 * scale, "circle-radius": radius("alarms") } });
  add({ id: "alarm-cells-count", type: "symbol", source: "alarm-cells", filter: several, layout: { ...figure, "text-field": ["get", "alarmLabel"], "text-size": 12 * scale }, paint: { "text-color": token("on-status") } });
  add({ id: "alarm-cell", type: "symbol", source: "alarm-cells", filter: alone, layout: { ...icon, "icon-size": 0.9 * scale } });
}

export const THINGS = ["case", "member", "alarm", "device"] as const;
/** Everything that answers a click: things, and what stands for several of them. */
export const PICKED: string[] = [...THINGS, "case-cluster", "device-cluster", "cell", "cell-cluster", "device-cells", "device-cell", "alarm-cells", "alarm-cell"];
