/** Drawing on the map: click adds a corner, drag moves one, Backspace takes the last back, Enter or double click ends. */
import type { MapMouseEvent } from "maplibre-gl";
import { NOTHING, setData, type Collection, type MapLibre } from "@shared/map/base";
import { token } from "@shared/util/theme";

export type Point = [number, number];
export type Mode = "split" | "draw" | "redraw";
const ROUND = 1e6;

export function rounded([lon, lat]: Point): Point {
  return [Math.round(lon * ROUND) / ROUND, Math.round(lat * ROUND) / ROUND];
}

export function lineOf(points: Point[]): GeoJSON.LineString {
  return { type: "LineString", coordinates: points.map(rounded) };
}

export function polygonOf(points: Point[]): GeoJSON.Polygon {
  const ring = points.map(rounded);
  return { type: "Polygon", coordinates: [[...ring, ring[0]!]] };
}

export type Shape = GeoJSON.Polygon | GeoJSON.MultiPolygon;

function partsOf(shape: Shape): GeoJSON.Position[][][] {
  return shape.type === "Polygon" ? [shape.coordinates] : shape.coordinates;
}

function areaOf(ring: GeoJSON.Position[]): number {
  return Math.abs(ring.slice(1).reduce((sum, at, i) => sum + ring[i]![0]! * at[1]! - at[0]! * ring[i]![1]!, 0));
}

/** Of a grid in several parts the largest is redrawn. */
function redrawn(parts: GeoJSON.Position[][][]): number {
  const areas = parts.map((one) => areaOf(one[0] ?? []));
  return areas.indexOf(Math.max(...areas));
}

/** The corners of a shape's outer ring, without the repeated last one. */
export function cornersOf(shape: Shape): Point[] {
  const parts = partsOf(shape), ring = parts[redrawn(parts)]?.[0] ?? [];
  return ring.slice(0, -1).map((at) => [at[0]!, at[1]!]);
}

/** The shape with these corners as its outer ring; its holes and its other parts stay. */
export function withCorners(shape: Shape, points: Point[]): Shape {
  const parts = [...partsOf(shape)], i = redrawn(parts);
  parts[i] = [polygonOf(points).coordinates[0]!, ...parts[i]!.slice(1)];
  return parts.length === 1 ? { type: "Polygon", coordinates: parts[0]! } : { type: "MultiPolygon", coordinates: parts };
}

export function enough(mode: Mode, points: Point[]): boolean {
  return mode === "split" ? points.length >= 2 : points.length >= 3;
}

/** What is drawn so far, as features for the map. */
export function sketch(mode: Mode, points: Point[]): Collection {
  if (!points.length) return NOTHING;
  const closed = mode !== "split" && points.length > 2;
  const corners = points.map((at, i): GeoJSON.Feature => ({ type: "Feature", properties: { i }, geometry: { type: "Point", coordinates: at } }));
  const line: GeoJSON.Feature = { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: closed ? [...points, points[0]!] : points } };
  const area: GeoJSON.Feature[] = closed ? [{ type: "Feature", properties: {}, geometry: polygonOf(points) }] : [];
  return { type: "FeatureCollection", features: [...area, line, ...corners] };
}

export function addSketchLayers(map: MapLibre): void {
  for (const id of ["grid-selected", "grid-preview", "grid-problems", "sketch"]) if (!map.getSource(id)) setData(map, id, NOTHING);
  if (map.getLayer("sketch-line")) return;
  const add = (layer: object) => map.addLayer(layer as never);
  add({ id: "selected-fill", type: "fill", source: "grid-selected", paint: { "fill-color": token("accent"), "fill-opacity": 0.14 } });
  add({ id: "selected-line", type: "line", source: "grid-selected", paint: { "line-color": token("accent"), "line-width": 2.5 } });
  add({ id: "problem-fill", type: "fill", source: "grid-problems", paint: { "fill-color": ["match", ["get", "kind"], "gap", token("soon"), token("urgent")], "fill-opacity": 0.55 } });
  add({ id: "problem-line", type: "line", source: "grid-problems", paint: { "line-color": ["match", ["get", "kind"], "gap", token("soon"), token("urgent")], "line-width": 2 } });
  add({ id: "preview-fill", type: "fill", source: "grid-preview", paint: { "fill-color": ["match", ["%", ["get", "i"], 3], 0, token("info"), 1, token("soon"), token("fine")], "fill-opacity": 0.25 } });
  add({ id: "preview-line", type: "line", source: "grid-preview", paint: { "line-color": token("ink"), "line-width": 2 } });
  add({ id: "sketch-fill", type: "fill", source: "sketch", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": token("info"), "fill-opacity": 0.15 } });
  add({ id: "sketch-line", type: "line", source: "sketch", filter: ["==", ["geometry-type"], "LineString"], paint: { "line-color": token("info"), "line-width": 2.5 } });
  add({ id: "sketch-corner", type: "circle", source: "sketch", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-radius": 5, "circle-color": token("panel"), "circle-stroke-color": token("info"), "circle-stroke-width": 2 } });
}

/** Starts drawing; returns how to stop. `changed` hears every change, `done` the end. */
export function startDrawing(map: MapLibre, mode: Mode, first: Point[], changed: (points: Point[]) => void, done: () => void): () => void {
  let points = [...first], dragged = -1;
  const show = () => {
    setData(map, "sketch", sketch(mode, points));
    changed([...points]);
  };
  const cornerAt = (event: MapMouseEvent): number => {
    const found = map.queryRenderedFeatures([[event.point.x - 8, event.point.y - 8], [event.point.x + 8, event.point.y + 8]], { layers: ["sketch-corner"] })[0];
    return found ? Number(found.properties["i"]) : -1;
  };
  const down = (event: MapMouseEvent) => {
    dragged = cornerAt(event);
    if (dragged >= 0) event.preventDefault();
  };
  const move = (event: MapMouseEvent) => {
    if (dragged < 0) return;
    points[dragged] = [event.lngLat.lng, event.lngLat.lat];
    show();
  };
  const up = () => setTimeout(() => (dragged = -1));
  const click = (event: MapMouseEvent) => {
    if (dragged >= 0 || (mode === "redraw" && !event.originalEvent.shiftKey)) return;
    const at: Point = [event.lngLat.lng, event.lngLat.lat];
    if (mode === "redraw") points.splice(nearestEdge(points, at) + 1, 0, at);
    else points.push(at);
    show();
  };
  const twice = (event: MapMouseEvent) => {
    event.preventDefault();
    if (mode === "redraw") {
      const i = cornerAt(event);
      if (i >= 0 && points.length > 3) points.splice(i, 1);
      show();
    } else {
      points = points.slice(0, -1); // the second click of the double click added one more
      show();
      if (enough(mode, points)) done();
    }
  };
  const key = (event: KeyboardEvent) => {
    if ((event.target as HTMLElement).matches("input, textarea, select")) return;
    if (event.key === "Backspace" && mode !== "redraw") {
      points.pop();
      show();
    } else if (event.key === "Enter" && enough(mode, points)) done();
    else return;
    event.preventDefault();
  };
  map.doubleClickZoom.disable();
  map.getCanvas().style.cursor = "crosshair";
  const heard = [map.on("mousedown", down), map.on("mousemove", move), map.on("mouseup", up), map.on("click", click), map.on("dblclick", twice)];
  addEventListener("keydown", key);
  show();
  return () => {
    heard.forEach((one) => one.unsubscribe());
    removeEventListener("keydown", key);
    map.doubleClickZoom.enable();
    map.getCanvas().style.cursor = "";
    setData(map, "sketch", NOTHING);
  };
}

/** The index of the corner before the edge nearest to a point. */
export function nearestEdge(points: Point[], at: Point): number {
  let best = 0, least = Infinity;
  points.forEach((a, i) => {
    const b = points[(i + 1) % points.length]!;
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const k = Math.max(0, Math.min(1, ((at[0] - a[0]) * dx + (at[1] - a[1]) * dy) / (dx * dx + dy * dy || 1)));
    const gap = (a[0] + k * dx - at[0]) ** 2 + (a[1] + k * dy - at[1]) ** 2;
    if (gap < least) [least, best] = [gap, i];
  });
  return best;
}
