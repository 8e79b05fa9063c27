/** The map canvas of both front ends: paper from the design tokens, the district's drawn layers, no outside tiles, no glyphs. */
import { AttributionControl, Map as MapLibre, setWorkerUrl, type GeoJSONSource, type StyleSpecification } from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { t } from "../i18n/index";
import { token } from "../util/theme";

setWorkerUrl(workerUrl);
export const FONT = "PingFang SC, Noto Sans CJK SC, Microsoft YaHei, sans-serif";
export type Collection = GeoJSON.FeatureCollection;
export const NOTHING: Collection = { type: "FeatureCollection", features: [] };

function paper(): StyleSpecification {
  return {
    version: 8,
    sources: {},
    layers: [{ id: "paper", type: "background", paint: { "background-color": token("map-land") } }],
  };
}

export interface MapOptions {
  container: HTMLElement;
  center?: [number, number];
  zoom?: number;
  bounds?: [number, number, number, number] | null;
  interactive?: boolean;
}

/** Without a graphics card every pixel costs processor time: a wall of 4K is then drawn at half its resolution. */
function ratio(box: HTMLElement): number {
  const full = devicePixelRatio * ((box as { currentCSSZoom?: number }).currentCSSZoom ?? 1);
  if (box.clientWidth * box.clientHeight * full ** 2 < 3_000_000) return full;
  const gl = document.createElement("canvas").getContext("webgl2");
  const info = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = info ? String(gl?.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(name) ? full / 2 : full;
}

/** A map, or null where the browser cannot draw one (the lists still work). */
export function createMap(options: MapOptions): MapLibre | null {
  try {
    const map = new MapLibre({
      container: options.container,
      style: paper(),
      center: options.center ?? [117.12, 32.02],
      zoom: options.zoom ?? 12,
      ...(options.bounds ? { bounds: options.bounds, fitBoundsOptions: { padding: 24 } } : {}),
      pixelRatio: ratio(options.container),
      interactive: options.interactive ?? true,
      attributionControl: false,
      localIdeographFontFamily: FONT,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxZoom: 20,
      minZoom: 7,
      fadeDuration: 0,
      renderWorldCopies: false,
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.getCanvas().setAttribute("aria-label", t("map.label"));
    return map;
  } catch {
    return null;
  }
}

export { AttributionControl, MapLibre };

/** Gives a source its data, making it when it is not there yet. */
export function setData(map: MapLibre, id: string, data: Collection, cluster?: { radius: number; maxZoom: number; properties?: Record<string, unknown> }): void {
  const source = map.getSource(id) as GeoJSONSource | undefined;
  if (source) {
    void source.setData(data);
    return;
  }
  map.addSource(id, {
    type: "geojson",
    data,
    ...(cluster
      ? { cluster: true, clusterRadius: cluster.radius, clusterMaxZoom: cluster.maxZoom, ...(cluster.properties ? { clusterProperties: cluster.properties as never } : {}) }
      : {}),
  });
}

export function boundsOf(data: { features: readonly GeoJSON.Feature[] }): [number, number, number, number] | null {
  let west = 180, south = 90, east = -180, north = -90;
  const walk = (value: unknown): void => {
    if (!Array.isArray(value)) return;
    if (typeof value[0] === "number" && typeof value[1] === "number") {
      west = Math.min(west, value[0]);
      east = Math.max(east, value[0]);
      south = Math.min(south, value[1]);
      north = Math.max(north, value[1]);
    } else value.forEach(walk);
  };
  for (const feature of data.features) if (feature.geometry && "coordinates" in feature.geometry) walk(feature.geometry.coordinates);
  return west <= east && south <= north ? [west, south, east, north] : null;
}
