/** The queue: open cases of the workspace, what runs out first at the top. Shared by the live view, the wall and the windows. */
import { computed, onMounted, ref, shallowRef, watch } from "vue";
import { api } from "@shared/api/client";
import { onLive, onReset } from "@shared/live/index";
import { batched, useList, useLoad } from "@shared/util/load";
import { useNow } from "@shared/util/time";
import { DECIDE, UNDERWAY, VERIFY } from "../data/cases";
import { pinFeatures as devicePins, type Pins } from "../data/devices";
import { memberFeatures, useDuty } from "../data/duty";
import type { CaseRow } from "../data/types";
import { area } from "../data/workspace";
import { can } from "../session";
import { useCaseMap } from "./useCaseMap";

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
export function useLiveMap(withDevices = () => true) {
  const now = useNow();
  const devices = useLoad((signal) => api.get<Pins>("/device-pins", { area: area.value }, { signal }));
  const { positions, load: loadDuty } = useDuty();
  const minute = computed(() => Math.floor(now.value / 60_000));
  const { cases, reload, ...shown } = useCaseMap(area, () => minute.value * 60_000);
  const deviceFeatures = computed(() => devicePins(withDevices() ? devices.data.value : null));
  const alarmFeatures = computed(() => devicePins(devices.data.value, true));
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
  return { cases, ...shown, devices, deviceFeatures, alarmFeatures, members, positions };
}
