/** Forms of classes, kept on the phone: asked when a case is reported or its work finished, and what the desk still lacks. */
import { api } from "@shared/api/client";
import { computed, shallowRef, watch } from "vue";
import { formsIn, type ClassForm } from "./classRules";
import { keep, kept } from "./offline/db";
import { items, online } from "./offline/outbox";
import { me } from "./session";

export interface Missing {
  case_id: string;
  number: string;
  form: string;
}
interface Asked {
  tasks: { task_id: string; case_id: string; class_code: string }[];
  missing: Missing[];
}
export { answerSteps, firstGap, formsIn, type ClassForm } from "./classRules";
const NOTHING: Asked = { tasks: [], missing: [] };

export const classForms = shallowRef<ClassForm[]>([]);
const asked = shallowRef<Asked>(NOTHING);
let askedAt = 0;
watch(
  () => me.value?.account_id,
  () => {
    asked.value = NOTHING;
    askedAt = 0;
  },
  { flush: "sync" },
);

export async function loadClassForms(): Promise<void> {
  if (!classForms.value.length) classForms.value = (await kept<ClassForm[]>("class-forms"))?.value ?? [];
  try {
    classForms.value = (await api.get<{ items: ClassForm[] }>("/class-forms")).items;
    await keep("class-forms", classForms.value);
  } catch {
    // the kept forms serve
  }
}

/** The classes of one's tasks, and what one's own cases still lack. */
export async function loadAsked(): Promise<void> {
  const account = me.value?.account_id;
  if (!account) return;
  if (!askedAt) {
    const last = await kept<Asked>(`asked:${account}`);
    if (last && account === me.value?.account_id && !askedAt) asked.value = last.value;
  }
  if (!online.value) return;
  const began = Date.now();
  try {
    const found = await api.get<Asked>("/class-forms/asked");
    if (account !== me.value?.account_id || began < askedAt) return;
    askedAt = began;
    asked.value = found;
    await keep(`asked:${account}`, found);
  } catch {
    // what the phone knew
  }
}

export const formsFor = (classCode: string, at: ClassForm["at"]): ClassForm[] => formsIn(classForms.value, classCode, at);

export const classOfTask = (taskId: string): string => asked.value.tasks.find((one) => one.task_id === taskId)?.class_code ?? "";

/** What is still missing, without what waits in the outbox or went out since the service was asked. */
export const missing = computed<Missing[]>(() =>
  asked.value.missing.filter(
    (one) =>
      classForms.value.some((form) => form.code === one.form) &&
      !items.value.some(
        (item) =>
          (item.state === "waiting" || (item.state === "sent" && (item.sentAt ?? 0) >= askedAt)) &&
          item.steps.some((step) => step.path.endsWith(`/class-forms/${one.form}`) && (item.id === one.case_id || step.path.includes(one.case_id))),
      ),
  ),
);
