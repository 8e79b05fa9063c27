/** Which forms a class asks, what is still unanswered, and what is sent. Knows no store and no service. */
import { firstMissing, given, type Answers, type Form } from "./forms";
import type { Step } from "./offline/db";

export interface ClassForm extends Form {
  classes: string[];
  at: "report" | "finish";
}
/** The forms asked of a class at a moment; `2004*` is a pattern. */
export function formsIn(all: ClassForm[], classCode: string, at: ClassForm["at"]): ClassForm[] {
  if (!classCode) return [];
  return all.filter((form) => form.at === at && form.classes.some((one) => (one.endsWith("*") ? classCode.startsWith(one.slice(0, -1)) : one === classCode)));
}

/** The first form with a needed field that has no answer, and that field. */
export function firstGap(forms: ClassForm[], answers: Record<string, Answers>): { form: ClassForm; field: Form["fields"][number] } | null {
  for (const form of forms) {
    const field = firstMissing(form, answers[form.code] ?? {}, false);
    if (field) return { form, field };
  }
  return null;
}

/** The requests that carry the answers; `to` is the case's path. Forms without any answer send nothing. */
export function answerSteps(forms: ClassForm[], answers: Record<string, Answers>, to: string): Step[] {
  return forms
    .map((form) => ({ form, found: given(form, answers[form.code] ?? {}, false) }))
    .filter(({ found }) => Object.keys(found).length)
    .map(({ form, found }) => ({ method: "PUT", path: `${to}/class-forms/${form.code}`, body: { answers: found, filled_at: new Date().toISOString() } }));
}
