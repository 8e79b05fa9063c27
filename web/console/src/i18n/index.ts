/** The console's words. */
import { addWords, translator } from "@shared/i18n/index";
import en from "./en.json";
import zh from "./zh.json";

addWords({ zh, en });
export type Key = keyof typeof zh;
export const t = translator<Key>();
export { locale, named, setLocale, word } from "@shared/i18n/index";
