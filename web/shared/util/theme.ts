import { computed, ref, watch } from "vue";

export type Theme = "auto" | "light" | "dark" | "sun";
const KEY = "linli.theme";
const system = typeof matchMedia === "undefined" ? null : matchMedia("(prefers-color-scheme: dark)");
const systemDark = ref(system?.matches ?? false);
system?.addEventListener("change", (event) => (systemDark.value = event.matches));

function stored(): Theme {
  const found = typeof localStorage === "undefined" ? null : localStorage.getItem(KEY);
  return found === "light" || found === "dark" || found === "sun" ? found : "auto";
}

export const theme = ref<Theme>(stored());
/** What is drawn: `auto` follows the system. */
export const drawnTheme = computed<"light" | "dark" | "sun">(() =>
  theme.value === "auto" ? (systemDark.value ? "dark" : "light") : theme.value,
);

export function setTheme(next: Theme): void {
  theme.value = next;
  localStorage.setItem(KEY, next);
}

/** Puts the theme on the page; `forced` (the wall is dark) wins over the choice. */
export function startTheme(forced?: () => Theme | null): void {
  watch(
    () => forced?.() ?? drawnTheme.value,
    (now) => document.documentElement.setAttribute("data-theme", now),
    { immediate: true },
  );
}

/** The drawn value of a design token, for canvases. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
