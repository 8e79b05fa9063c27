/** Words. Messages are data (`zh.json`, `en.json`), looked up by key; `{name}` is filled in; in English `one | many` picks by `n`. */
import { ref, watch } from "vue";
import en from "./en.json";
import zh from "./zh.json";

export type Locale = "zh-Hans" | "en";
export type SharedKey = keyof typeof zh;
export type Names = { zh?: string | null; en?: string | null } | null | undefined;
type Params = Record<string, string | number | null | undefined>;
const KEY = "linli.locale";

const tables: Record<Locale, Record<string, string>> = { "zh-Hans": { ...zh }, en: { ...en } };

function stored(): Locale {
  if (typeof localStorage === "undefined") return "zh-Hans";
  const asked = new URLSearchParams(typeof location === "undefined" ? "" : location.search).get("lang") ?? localStorage.getItem(KEY);
  if (asked) return asked.startsWith("en") ? "en" : "zh-Hans";
  return navigator.language.startsWith("zh") ? "zh-Hans" : navigator.language.startsWith("en") ? "en" : "zh-Hans";
}

export const locale = ref<Locale>(stored());
if (typeof document !== "undefined") {
  watch(locale, (now) => (document.documentElement.lang = now), { immediate: true });
}

export function setLocale(next: Locale): void {
  locale.value = next;
  localStorage.setItem(KEY, next);
}

/** Adds a front end's own words. */
export function addWords(more: { zh: Record<string, string>; en: Record<string, string> }): void {
  Object.assign(tables["zh-Hans"], more.zh);
  Object.assign(tables.en, more.en);
}

export function fill(message: string, params: Params, language: Locale): string {
  let text = message;
  if (language === "en" && text.includes(" | ")) {
    const [one = "", many = one] = text.split(" | ");
    text = Number(params["n"]) === 1 ? one : many;
  }
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? ""));
}

/** A translator typed by the keys of a front end: `export const t = translator<keyof typeof zh>()`. */
export function translator<K extends string>() {
  return (key: K | SharedKey, params: Params = {}): string => fill(tables[locale.value][key] ?? key, params, locale.value);
}

export const t = translator<never>();

/** A word for a value of the service that may be newer than this page: the translation if there is one, else the value. */
export function word(prefix: string, value: string | null | undefined): string {
  if (!value) return "";
  return tables[locale.value][`${prefix}.${value}`] ?? value;
}

/** A name that the service gives in both languages; the other language when one is missing. */
export function named(names: Names | string): string {
  if (!names) return "";
  if (typeof names === "string") return names;
  return (locale.value === "en" ? names.en || names.zh : names.zh || names.en) ?? "";
}
