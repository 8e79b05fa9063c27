/** Readings that failed: what they show is old. They are said to be so, and tried again until they succeed. */
import { computed, onScopeDispose, shallowRef } from "vue";
import type { Problem } from "../api/problem";

const AGAIN = 5_000;
interface Failure {
  since: number;
  again: () => Promise<void>;
}
const failures = shallowRef<ReadonlyMap<object, Failure>>(new Map());
let timer: ReturnType<typeof setInterval> | undefined;
/** Since when something on this screen is old; 0 when all is fresh. */
export const oldSince = computed(() => (failures.value.size ? Math.min(...[...failures.value.values()].map((one) => one.since)) : 0));

/** The service could not answer. A refusal is an answer: it is shown where it belongs. */
export function unanswered(problem: Problem): boolean {
  return problem.type !== "aborted" && (problem.status === 0 || problem.status === 429 || problem.status >= 500);
}

function change(key: object, failure: Failure | null): void {
  if (!failure && !failures.value.has(key)) return;
  const next = new Map(failures.value);
  if (failure) next.set(key, failure);
  else next.delete(key);
  failures.value = next;
  if (!next.size) {
    clearInterval(timer);
    timer = undefined;
  } else timer ??= setInterval(() => failures.value.forEach((one) => void one.again()), AGAIN);
}

/** Keeps account of one reading of a screen. `at`: when what it shows was read, 0 for nothing yet. */
export function useFresh(retry: () => Promise<unknown>): { read: () => void; failed: (problem: Problem, at: number) => void } {
  const key = {};
  let busy = false;
  const again = async () => {
    if (busy) return; // an answer that does not come is waited for once
    busy = true;
    await retry().catch(() => undefined);
    busy = false;
  };
  onScopeDispose(() => change(key, null), true);
  return {
    read: () => change(key, null),
    failed: (problem, at) => change(key, unanswered(problem) ? { since: at || failures.value.get(key)?.since || Date.now(), again } : null),
  };
}
