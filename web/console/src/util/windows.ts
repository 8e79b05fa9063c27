/** Linked windows for several screens: what is selected in one is selected in all of this browser. */
import { onScopeDispose, ref } from "vue";

export interface Selection {
  caseId?: string | null;
  deviceId?: string | null;
  at?: [number, number] | null;
}

const has = typeof BroadcastChannel !== "undefined";
const channel = has ? new BroadcastChannel("linli-selection") : null;
export const selection = ref<Selection>({});
const followers = new Set<(next: Selection) => void>();
channel?.addEventListener("message", (event: MessageEvent<Selection | "ask">) => {
  if (event.data === "ask") {
    if (selection.value.caseId) share(selection.value);
    return;
  }
  const next = event.data;
  selection.value = next;
  followers.forEach((fn) => fn(next));
});

/** A window that has just opened asks the others what is selected; it hears it as if it had just been selected. */
export function ask(): void {
  if (!selection.value.caseId) channel?.postMessage("ask");
}

/** Tells the other windows what is selected here. */
export function share(next: Selection): void {
  selection.value = next;
  channel?.postMessage(JSON.parse(JSON.stringify(next)));
}

/** Called when another window selected something. */
export function follow(fn: (next: Selection) => void): void {
  followers.add(fn);
  onScopeDispose(() => followers.delete(fn));
}

export function openWindow(kind: "map" | "queue" | "case", id = ""): void {
  const size = kind === "map" ? "width=1600,height=1000" : kind === "case" ? "width=1200,height=900" : "width=520,height=900";
  window.open(`/console/window/${kind}${id ? `/${id}` : ""}`, `linli-${kind}`, `${size},popup=1`);
}
