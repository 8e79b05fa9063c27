/** Who is signed in, what they may do, and the workspace (centre or area) they look at. */
import { computed, ref, shallowRef } from "vue";
import { api } from "@shared/api/client";
import { startLive, stopLive } from "@shared/live/index";
import type { Me } from "./data/types";

export const me = shallowRef<Me | null>(null);
export const loaded = ref(false);

export async function load(): Promise<Me | null> {
  try {
    me.value = await api.get<Me>("/me");
    if (can("live.follow")) startLive();
  } catch {
    me.value = null;
  }
  loaded.value = true;
  return me.value;
}

export function forget(): void {
  me.value = null;
  stopLive();
}

export async function signOut(): Promise<void> {
  await api.delete("/session").catch(() => undefined);
  forget();
}

const permissions = computed(() => new Set(me.value?.permissions ?? []));

export function can(permission: string): boolean {
  return permissions.value.has(permission);
}
