/** Short answers to an act, with an undo while there is one. */
import { ref } from "vue";
import { problemOf } from "../api/problem";

export interface Toast {
  id: number;
  text: string;
  kind: "done" | "wrong";
  until: number;
  undo?: () => void | Promise<void>;
}

export const toasts = ref<Toast[]>([]);
let count = 0;

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export function say(text: string, options: { kind?: Toast["kind"]; seconds?: number; undo?: Toast["undo"] } = {}): number {
  const seconds = options.seconds ?? (options.kind === "wrong" ? 9 : 4);
  const toast: Toast = { id: ++count, text, kind: options.kind ?? "done", until: Date.now() + seconds * 1000 };
  if (options.undo) toast.undo = options.undo;
  toasts.value = [...toasts.value.slice(-3), toast];
  setTimeout(() => dismiss(toast.id), seconds * 1000);
  return toast.id;
}

/** Shows a refusal in words. */
export function sayProblem(error: unknown): void {
  const problem = problemOf(error);
  if (problem.type !== "aborted") say(problem.words, { kind: "wrong" });
}
