/** Cases on the map. Few: all of them, once. Many: cells that the service counts while the map is far, pins of the part shown when it is near. */
import { computed, onScopeDispose, ref, watch, type Ref } from "vue";
import { api } from "@shared/api/client";
import { useLoad } from "@shared/util/load";
import { cellFeatures, pinFeatures } from "../data/cases";
import type { CaseCells, CasePins } from "../data/types";

/** What the map shows: zoom, and west, south, east, north. */
export interface Seen { zoom: number; box: [number, number, number, number] }
export const FEW = 2_000;
export const NEAR = 14.5;
const LATER = 2_500; // the service may answer with cells that are two seconds old

/** The box to ask for: wider by half on each side and on a coarse raster, so that a small move asks for nothing new. */
export function around([west, south, east, north]: Seen["box"]): string {
  const raster = 2 ** Math.ceil(Math.log2(Math.max(east - west, north - south, 0.001) / 4));
  const down = (value: number) => Math.floor(value / raster) * raster, up = (value: number) => Math.ceil(value / raster) * raster;
  const wide = (east - west) / 2, high = (north - south) / 2;
  const box = [Math.max(down(west - wide), -180), Math.max(down(south - high), -85), Math.min(up(east + wide), 180), Math.min(up(north + high), 85)];
  return box.map((value) => Number(value.toFixed(6))).join(",");
}

export type Answer = { pins: CasePins; cells?: undefined } | { cells: CaseCells; pins?: undefined };
type Read = <T>(path: string, query: Record<string, string | number>) => Promise<T>;

/** One reading of the map's cases. `many` is what was found out so far; it goes back to few only when the area changes. */
export async function readCases(read: Read, area: string, many: Ref<boolean>, seen: Seen | null): Promise<Answer> {
  if (!many.value) {
    const pins = await read<CasePins>("/cases/pins", { open: "true", area, most: FEW });
    if (!pins.more) return { pins };
    many.value = true;
  }
  if (seen && seen.zoom >= NEAR) {
    const pins = await read<CasePins>("/cases/pins", { open: "true", area, bbox: around(seen.box) });
    if (!pins.more) return { pins };
  }
  return { cells: await read<CaseCells>("/cases/clusters", { area, zoom: Math.min(22, Math.max(0, Math.floor(seen?.zoom ?? 11))) }) };
}

/** What must be read anew when it changes: nothing while there are few; the zoom's step when far; the box when near. */
export function question(many: boolean, seen: Seen | null): string {
  if (!many || !seen) return "";
  return seen.zoom >= NEAR ? `near ${around(seen.box)}` : `far ${Math.floor(seen.zoom)}`;
}

export function useCaseMap(area: Ref<string>, minute: () => number) {
  const many = ref(false), seen = ref<Seen | null>(null);
  let later: ReturnType<typeof setTimeout> | undefined;
  const cases = useLoad<Answer>((signal) => readCases((path, query) => api.get(path, query, { signal }), area.value, many, seen.value));
  const caseFeatures = computed(() => pinFeatures(cases.data.value?.pins ?? null, Math.max(minute(), cases.at.value)));
  const caseCells = computed(() => cellFeatures(cases.data.value?.cells ?? null));
  watch(() => question(many.value, seen.value), (now, before) => before && now !== before && void cases.load());
  watch(area, () => (many.value = false), { flush: "sync" });
  /** After news: cells may have been counted just before it, so they are read once more. */
  async function reload(): Promise<void> {
    await cases.load();
    clearTimeout(later);
    if (cases.data.value?.cells) later = setTimeout(() => void cases.load(), LATER);
  }
  onScopeDispose(() => clearTimeout(later));
  const placeOf = (id: string): [number, number] | null => {
    const pin = cases.data.value?.pins?.rows.find((one) => one[0] === id);
    return pin ? [pin[1] as number, pin[2] as number] : null;
  };
  return { cases, caseFeatures, caseCells, many, see: (now: Seen) => void (seen.value = now), reload, placeOf };
}
