/** Forms filled on site: their list is kept on the phone, answers too until they are sent. */
import { api, type Page } from "@shared/api/client";
import type { Names } from "@shared/i18n/index";
import { shallowRef } from "vue";
import { keep, kept } from "./offline/db";

export interface FormField {
  name: string;
  type: "text" | "integer" | "decimal" | "select_one" | "select_multiple" | "date" | "note";
  label: Names;
  required: boolean;
  personal: boolean;
  when: { field: string; is: string } | null;
  choices: { value: string; name: Names; case: boolean }[];
}
export interface Form {
  code: string;
  version: number;
  kind: "visit" | "hazard" | "case";
  name: Names;
  fields: FormField[];
}
export interface Entry {
  id: string;
  form: string;
  kind: string;
  filled_at: string;
  has_person: boolean;
  withdrawn: boolean;
  cases: { id: string; number: string; field: string }[];
}
export type Answers = Record<string, string | number | string[]>;

export const forms = shallowRef<Form[]>([]);
export const entries = shallowRef<Entry[]>([]);

export async function loadForms(): Promise<void> {
  if (!forms.value.length) forms.value = (await kept<Form[]>("forms"))?.value ?? [];
  try {
    forms.value = (await api.get<{ items: Form[] }>("/forms")).items;
    await keep("forms", forms.value);
  } catch {
    // the kept forms serve
  }
}

export async function loadEntries(account: string): Promise<void> {
  entries.value = (await kept<Entry[]>(`entries:${account}`))?.value ?? [];
  try {
    entries.value = (await api.get<Page<Entry>>("/form-entries", { limit: 20 })).items;
    await keep(`entries:${account}`, entries.value);
  } catch {
    // what the phone knew
  }
}

/** Whether a field is asked, by the answers so far and by the consent of whoever is visited. */
export function isAsked(field: FormField, answers: Answers, consent: boolean): boolean {
  if (field.personal && !consent) return false;
  if (!field.when) return true;
  const value = answers[field.when.field];
  return Array.isArray(value) ? value.includes(field.when.is) : String(value ?? "") === field.when.is;
}

/** The answers to what was asked, without empty ones. */
export function given(form: Form, answers: Answers, consent: boolean): Answers {
  const found: Answers = {};
  for (const field of form.fields) {
    const value = answers[field.name];
    if (field.type === "note" || value === undefined || value === "" || (Array.isArray(value) && !value.length)) continue;
    if (isAsked(field, answers, consent)) found[field.name] = value;
  }
  return found;
}

/** The first needed field without an answer. */
export function firstMissing(form: Form, answers: Answers, consent: boolean): FormField | undefined {
  const all = given(form, answers, consent);
  return form.fields.find((field) => field.required && isAsked(field, answers, consent) && !(field.name in all));
}
