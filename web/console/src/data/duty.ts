/** Who is on duty, and where they were last. Positions exist only while on duty. */
import { effectScope, ref, shallowRef } from "vue";
import { api, type Page } from "@shared/api/client";
import { problemOf } from "@shared/api/problem";
import type { Collection } from "@shared/map/base";
import { useFresh } from "@shared/util/fresh";
import { can } from "../session";
import type { Duty, Position } from "./types";

const onDuty = shallowRef<Duty[]>([]);
const positions = shallowRef<Position[]>([]);
const problem = ref(false);
const fresh = effectScope(true).run(() => useFresh(() => load()))!;
let readAt = 0;

async function load(): Promise<void> {
  try {
    if (can("duty.view")) onDuty.value = (await api.get<Page<Duty>>("/duty", { limit: 200 })).items;
    if (can("positions.view")) positions.value = (await api.get<Page<Position>>("/positions", { limit: 200 })).items;
    problem.value = false;
    readAt = Date.now();
    fresh.read();
  } catch (error) {
    problem.value = true;
    fresh.failed(problemOf(error), readAt);
  }
}

export function memberFeatures(): Collection {
  return {
    type: "FeatureCollection",
    features: positions.value.map((one) => ({
      type: "Feature", properties: { id: one.account_id, name: one.display_name }, geometry: { type: "Point", coordinates: [one.lon, one.lat] },
    })),
  };
}

export function useDuty() {
  return { onDuty, positions, problem, load };
}
