/** Three likely classes for a report, from its words and from what this member reported before. Works offline. */
import { api } from "@shared/api/client";
import { named, type Names } from "@shared/i18n/index";
import { shallowRef } from "vue";
import { keep, kept } from "./offline/db";

export interface Demands {
  need_report: string[];
  need_finish: string[];
  photos_report: number;
  photos_after: number;
}
export interface CaseClass {
  code: string;
  name: Names;
  /** Fields and pictures that the class demands; a list kept by an older app has none. */
  demands?: Demands;
}

export const classes = shallowRef<CaseClass[]>([]);
const used = shallowRef<Record<string, number>>({});

export async function loadClasses(): Promise<void> {
  classes.value = (await kept<CaseClass[]>("classes"))?.value ?? [];
  used.value = (await kept<Record<string, number>>("classes-used"))?.value ?? {};
  try {
    const found = await api.get<{ classes: { code: string; zh: string; en: string; demands: Demands }[] }>("/catalogue");
    classes.value = found.classes.map(({ code, zh, en, demands }) => ({ code, name: { zh, en }, demands }));
    await keep("classes", classes.value);
  } catch {
    // the kept list serves
  }
}

export async function noteUse(code: string): Promise<void> {
  if (!code) return;
  used.value = { ...used.value, [code]: (used.value[code] ?? 0) + 1 };
  await keep("classes-used", used.value);
}

export function pieces(text: string): Set<string> {
  const found = new Set(text.toLowerCase().match(/[a-z]{3,}/g) ?? []);
  const han = text.replace(/[^\u4e00-\u9fff]/g, "");
  for (let i = 0; i + 1 < han.length; i += 1) found.add(han.slice(i, i + 2));
  return found;
}

/** The likeliest classes first; shared words count more than habit. */
export function likely(text: string, count = 3): CaseClass[] {
  const words = pieces(text);
  const scored = classes.value.map((one) => {
    let score = Math.log1p(used.value[one.code] ?? 0);
    for (const piece of pieces(`${one.name?.zh ?? ""} ${one.name?.en ?? ""}`)) if (words.has(piece)) score += 3;
    return { one, score };
  });
  return scored.filter((s) => s.score > 0).sort((a, b) => b.score - a.score).slice(0, count).map((s) => s.one);
}

export function className(code: string): string {
  return named(classes.value.find((one) => one.code === code)?.name);
}

const NONE: Demands = { need_report: [], need_finish: [], photos_report: 0, photos_after: 0 };
export const demandsOf = (code: string): Demands => classes.value.find((one) => one.code === code)?.demands ?? NONE;
