/** The queue: open cases of the workspace, what runs out first at the top. Shared by the live view, the wall and the windows. */
import { computed, onMounted, ref, shallowRef, watch } from "vue";
import { onLive, onReset } from "@shared/live/index";
import { batched, useList } from "@shared/util/load";
import { useNow } from "@shared/util/time";
import { DECIDE, UNDERWAY, VERIFY } from "../data/cases";
import { memberFeatures, useDuty } from "../data/duty";
import type { CaseRow } from "../data/types";
import { area } from "../data/workspace";
import { can } from "../session";
import { useCaseMap, type Seen } from "./useCaseMap";
import { useDeviceMap } from "./useDeviceMap";

export type Tab = "decide" | "underway" | "verify" | "all";
const STATES: Record<Tab, string> = { decide: DECIDE, underway: UNDERWAY, verify: VERIFY, all: "" };

export function useQueue(first: Tab, limit = 60) {
  const tab = ref<Tab>(first);
  const list = useList<CaseRow>("/cases", () => ({ sort: "due", open: "true", state: STATES[tab.value], area: area.value, limit }));
  const soon = batched(() => void list.reload(), 400);
  watch([tab, area], () => void list.reload());
  onLive("case.*", soon);
  onReset(soon);
  onMounted(list.reload);
  return { tab, list };
}

/** Everything on the live map. */
export function useLiveMap(withDevices = () => true, scale = () => 1, kind = () => "") {
  const now = useNow();
  const { devices, ...things } = useDeviceMap(() => ({ area: area.value }), withDevices, scale, kind);
  const { positions, load: loadDuty } = useDuty();
  const minute = computed(() => Math.floor(now.value / 60_000));
  const { cases, reload, ...shown } = useCaseMap(area, () => minute.value * 60_000);
  const members = shallowRef(memberFeatures());
  watch(positions, () => (members.value = memberFeatures()), { immediate: true });
  const casesSoon = batched(() => void reload(), 500);
  const devicesSoon = batched(() => void devices.load(), 1_200);
  const dutySoon = batched(() => void loadDuty(), 800);
  const all = () => void Promise.all([cases.load(), can("devices.view") ? devices.load() : null, loadDuty()]);
  onLive("case.*", casesSoon);
  onLive(["alarm.*", "device.changed"], devicesSoon);
  onLive(["duty.changed", "position.*"], dutySoon);
  onReset(all);
  watch(area, all);
  onMounted(all);
  const see = (seen: Seen): void => {
    shown.see(seen);
    things.see(seen);
  };
  return { cases, ...shown, devices, ...things, see, members, positions };
}
