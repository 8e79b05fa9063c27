/** Devices on the map. Few: all of them, once. Many: cells that the service counts for the part shown, and cells of those with alarms. */
import { computed, ref, watch, type Ref } from "vue";
import { api, type Query } from "@shared/api/client";
import { useLoad } from "@shared/util/load";
import { cellFeatures, pinFeatures, type DeviceCells, type Pins } from "../data/devices";
import { can } from "../session";
import { around, type Seen } from "./useCaseMap";

export const FEW_DEVICES = 2_000;
export const CELL_PX = 64;
export interface Things { pins?: Pins; cells?: DeviceCells | null; alarms?: DeviceCells }
type Read = <T>(path: string, query: Query) => Promise<T>;

export const zoomOf = (seen: Seen | null): number => Math.min(22, Math.max(0, Math.floor(seen?.zoom ?? 11)));

/** One reading of the map's devices. Without the layer of `all` only those with alarms are asked for. */
export async function readDevices(read: Read, query: Query, many: Ref<boolean>, seen: Seen | null, all: boolean, size = CELL_PX, kind = ""): Promise<Things> {
  if (!many.value) {
    const pins = await read<Pins>("/device-pins", { area: query["area"], most: FEW_DEVICES });
    if (!pins.more) return { pins };
    many.value = true;
  }
  const where = { ...query, zoom: zoomOf(seen), size: Math.round(size), bbox: seen ? around(seen.box) : "" };
  const [cells, alarms] = await Promise.all([all ? read<DeviceCells>("/device-cells", { ...where, model: kind }) : null, read<DeviceCells>("/device-cells", { ...where, alarm: "any" })]);
  return { cells, alarms };
}

/** What must be read anew when it changes: nothing while there are few; else the zoom's step and the box. */
export const part = (many: boolean, seen: Seen | null): string => (many && seen ? `${zoomOf(seen)} ${around(seen.box)}` : "");

export function useDeviceMap(query: () => Query, all: () => boolean, scale: () => number = () => 1, kind: () => string = () => "") {
  const many = ref(false), seen = ref<Seen | null>(null);
  const devices = useLoad<Things>((signal) => readDevices((path, asked) => api.get(path, asked, { signal }), query(), many, seen.value, all(), CELL_PX * scale(), kind()));
  watch(() => part(many.value, seen.value), (now, before) => before && now !== before && void devices.load());
  watch([all, kind, scale], () => many.value && can("devices.view") && void devices.load());
  watch(() => query()["area"], () => (many.value = false), { flush: "sync" });
  const found = devices.data;
  return {
    devices,
    see: (now: Seen) => void (seen.value = now),
    deviceFeatures: computed(() => pinFeatures(all() ? (found.value?.pins ?? null) : null, false, kind())),
    alarmFeatures: computed(() => pinFeatures(found.value?.pins ?? null, true)),
    deviceCells: computed(() => cellFeatures(all() ? (found.value?.cells ?? null) : null)),
    alarmCells: computed(() => cellFeatures(found.value?.alarms ?? null)),
  };
}
