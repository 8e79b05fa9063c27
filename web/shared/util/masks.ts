/** 来访模式: names, phones and photos are not drawn while visitors look at the screens. Shared by all windows of this browser. */
import { computed, ref } from "vue";
import { t } from "../i18n/index";

const KEY = "linli.masked";
const has = typeof window !== "undefined";
export const masked = ref(has && localStorage.getItem(KEY) === "1");
const channel = has && "BroadcastChannel" in window ? new BroadcastChannel("linli-masks") : null;
channel?.addEventListener("message", (event: MessageEvent<boolean>) => (masked.value = event.data));

export function setMasked(on: boolean): void {
  masked.value = on;
  localStorage.setItem(KEY, on ? "1" : "0");
  channel?.postMessage(on);
}

/** F8 or Shift+V, anywhere but in a text field. */
export function maskKey(event: KeyboardEvent): boolean {
  const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select, [contenteditable=true]");
  if (event.key !== "F8" && !(event.shiftKey && event.key === "V" && !typing && !event.ctrlKey && !event.metaKey)) return false;
  event.preventDefault();
  setMasked(!masked.value);
  return true;
}

export function person(name: string | null | undefined): string {
  return !name ? "" : masked.value ? t("mask.name") : name;
}

/** A sign-in name, or any text that may hold personal data. */
export function covered(text: string | null | undefined): string {
  return !text ? "" : masked.value ? "••••••" : text;
}

/** The type of a field in which names and phones are typed. */
export const typed = computed(() => (masked.value ? "password" : "text"));

export function phone(number: string | null | undefined): string {
  return !number ? "" : masked.value ? "•••••••••••" : number;
}
