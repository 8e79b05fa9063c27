/** The explorer's map: cells of what is looked for, read again when the question, the zoom's step or the coarse box changes. */
import { computed, ref, watch } from "vue";
import { api, type Query } from "@shared/api/client";
import { useLoad } from "@shared/util/load";
import { cellFeatures, type DeviceCells } from "../data/devices";
import type { Seen } from "../live/useCaseMap";
import { CELL_PX, zoomOf } from "../live/useDeviceMap";

export function useExplorerMap(query: () => Query, seen: () => Seen | null) {
  const box = ref("");
  const found = useLoad((signal) => api.get<DeviceCells>("/device-cells", { ...query(), zoom: zoomOf(seen()), size: CELL_PX, bbox: box.value }, { signal }));
  watch(() => `${zoomOf(seen())} ${box.value}`, () => void found.load());
  return { cells: computed(() => cellFeatures(found.data.value)), problem: found.problem, load: found.load, moved: (now: string) => void (box.value = now) };
}
