/** Who is signed in, what they may do, and the workspace (centre or area) they look at. */
import { computed, ref, shallowRef } from "vue";
import { api } from "@shared/api/client";
import { startLive, stopLive } from "@shared/live/index";
import type { Me } from "./data/types";

export const me = shallowRef<Me | null>(null);
export const loaded = ref(false);

/** Whose data this page has read. What was read for one person is never shown to another: the page is loaded anew. */
let owner = "";
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("linli-session");
channel?.addEventListener("message", (event: MessageEvent<string>) => {
  if (owner && owner !== event.data) location.reload(); // another window of this browser was signed out or changed hands
});

export async function load(): Promise<Me | null> {
  try {
    const found = await api.get<Me>("/me");
    if (owner && owner !== found.account_id) {
      location.reload();
      return await new Promise<never>(() => {}); // the page ends here
    }
    me.value = found;
    if (owner !== found.account_id) channel?.postMessage((owner = found.account_id));
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

/** Ends the session and leaves the page, so that nothing read for this person stays in memory. */
export async function signOut(): Promise<void> {
  await api.delete("/session").catch(() => undefined);
  forget();
  channel?.postMessage("");
  location.replace("/console/sign-in");
}

const permissions = computed(() => new Set(me.value?.permissions ?? []));

export function can(permission: string): boolean {
  return permissions.value.has(permission);
}
