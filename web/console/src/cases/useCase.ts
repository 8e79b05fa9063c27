/** One case on a screen: read, renewed by events, and after an act at once. */
import { watch, type Ref } from "vue";
import { api } from "@shared/api/client";
import { onLive, onReset } from "@shared/live/index";
import { unanswered } from "@shared/util/fresh";
import { batched, useLoad } from "@shared/util/load";
import { readCase } from "../data/cases";
import type { CaseDetail, Done } from "../data/types";

export function useCase(id: Ref<string>) {
  const loaded = useLoad<CaseDetail | null>((signal) => (id.value ? readCase(id.value, signal) : Promise.resolve(null)));
  const soon = batched(() => void loaded.load(), 300);
  watch(id, (now, was) => {
    if (now !== was) loaded.data.value = null;
    void loaded.load();
  }, { immediate: true });
  onLive(["case.*", "task.changed"], (event) => {
    const about = event.ref === id.value || (event.data as { case_id?: string }).case_id === id.value;
    if (about) soon();
  });
  onReset(soon);
  watch(loaded.problem, (now) => now && !unanswered(now) && (loaded.data.value = null)); // refused: it is no longer mine to see
  function changed(done: Done): void {
    if (done.id === id.value) {
      if (done.case) loaded.data.value = done.case;
      else void loaded.load();
    }
  }
  return { ...loaded, changed };
}

/** A list that belongs to a case, such as `similar`; read anew when another case is shown. */
export function useItemsOf<T>(id: () => string, what: string) {
  const found = useLoad((signal) => api.get<{ items: T[] }>(`/cases/${id()}/${what}`, {}, { signal }));
  watch(id, () => {
    found.data.value = null;
    void found.load();
  }, { immediate: true });
  return found;
}
