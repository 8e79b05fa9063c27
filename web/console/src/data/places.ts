/** Grids and map layers, read once and shared by all pages; read again when boundaries change. */
import { computed, shallowRef } from "vue";
import { api, raw } from "@shared/api/client";
import type { Collection } from "@shared/map/base";
import type { Names } from "@shared/i18n/index";
import { named, t } from "../i18n/index";
import { can } from "../session";
import type { GridNode } from "./types";

export const gridTree = shallowRef<GridNode[]>([]);
export const gridShapes = shallowRef<Collection | null>(null);
export const baseLayers = shallowRef<Collection | null>(null);

export interface Area { id: string; area_path: string; level: number; kind: string; code: string; name: Names }

function flat(nodes: GridNode[]): Area[] {
  return nodes.flatMap((node) => [
    { id: node.id, area_path: node.area_path, level: node.level, kind: node.kind, code: node.code, name: { zh: node.name_zh, en: node.name_en } },
    ...flat(node.children),
  ]);
}
export const areas = computed(() => flat(gridTree.value));
const byPath = computed(() => new Map(areas.value.map((one) => [one.area_path, one])));

let treeAsked: Promise<void> | null = null, shapesAsked: Promise<void> | null = null, baseAsked: Promise<void> | null = null;

export function loadAreas(): Promise<void> {
  if (!can("grids.view")) return Promise.resolve();
  treeAsked ??= api.get<GridNode[]>("/grids/tree").then(
    (found) => void (gridTree.value = found),
    () => void (treeAsked = null),
  );
  return treeAsked;
}

export function loadShapes(): Promise<void> {
  shapesAsked ??= api.get<Collection>("/grids.geojson").then(
    (found) => void (gridShapes.value = found),
    () => void (shapesAsked = null),
  );
  return shapesAsked;
}

const KINDS: Record<string, string> = { water: "water", roads: "road", footprints: "building" };

/** The district's drawn map. A layer that the pack does not have is left out. */
export function loadBase(): Promise<void> {
  baseAsked ??= Promise.all(
    Object.entries(KINDS).map(async ([layer, kind]) => {
      try {
        const found = (await (await raw("GET", `/basemap/${layer}.geojson`)).json()) as Collection;
        return found.features.map((feature) => ({ ...feature, properties: { class: feature.properties?.["class"] ?? feature.properties?.["kind"] ?? "", name: feature.properties?.["name_zh"] ? { zh: feature.properties["name_zh"], en: feature.properties["name_en"] } : null, kind } }));
      } catch {
        return [];
      }
    }),
  ).then((found) => void (baseLayers.value = { type: "FeatureCollection", features: found.flat() }));
  return baseAsked;
}

export function loadMap(): Promise<unknown> {
  return Promise.all([loadAreas(), loadShapes(), loadBase()]);
}

/** Boundaries changed: read them again. */
export async function refreshGrids(): Promise<void> {
  treeAsked = shapesAsked = null;
  await Promise.all([loadAreas(), gridShapes.value ? loadShapes() : undefined]);
}

/** The name of an area; of the nearest known one above it when it is unknown. */
export function areaName(path: string | null | undefined): string {
  if (!path) return path === "" ? t("frame.whole") : "";
  for (let at = path; at; at = at.includes(".") ? at.slice(0, at.lastIndexOf(".")) : "") {
    const found = byPath.value.get(at);
    if (found) return named(found.name);
  }
  return path;
}

/** From the community down, without saying twice what a deeper name says: `万里社区第二网格 3 号微网格`. */
export function areaLine(path: string | null | undefined): string {
  if (!path) return "";
  const parts = path.split(".");
  const found = parts.map((_, i) => byPath.value.get(parts.slice(0, i + 1).join("."))).filter((one) => one && one.level >= 2);
  const names = found.map((one) => named(one!.name));
  const kept = names.filter((name, i) => !names[i + 1]?.includes(name));
  return kept.length ? kept.join(" · ") : areaName(path);
}
