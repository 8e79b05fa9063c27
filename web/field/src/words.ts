import { addWords, translator } from "@shared/i18n/index";
import en from "./i18n/en.json";
import zh from "./i18n/zh.json";

addWords({ zh, en });
export const t = translator<keyof typeof zh>();
