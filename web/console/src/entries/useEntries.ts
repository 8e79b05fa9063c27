/** A list of what is entered, one of it chosen by the address of the page, and its form. */
import { computed, onMounted, shallowRef, type Ref } from "vue";
import { useRoute, useRouter } from "vue-router";
import { onLive } from "@shared/live/index";
import { useKeys } from "@shared/util/keys";
import { useList } from "@shared/util/load";
import { say } from "@shared/util/toasts";
import { loadAreas } from "../data/places";
import { t, type Key } from "../i18n/index";

/** `path` of the API, `news`: the event by which the list changes, `name` of the page's route. */
export function useEntries<T extends { id: string }>(path: string, news: string, name: string, kept: Key) {
  const route = useRoute(), router = useRouter();
  const list = useList<T>(path, () => ({}));
  const editing = shallowRef(null) as Ref<{ hook: T | null } | null>; // without a hook: a new one
  onMounted(() => void Promise.all([list.reload(), loadAreas()]));
  onLive(news, () => void list.reload());
  const chosen = computed(() => list.items.value.find((one) => one.id === route.params["id"]) ?? null) as Ref<T | null>;
  const select = (id: string) => router.replace({ name, params: id ? { id } : {} });
  useKeys({ Escape: () => (chosen.value ? void select("") : false) });

  async function saved(): Promise<void> {
    editing.value = null;
    say(t(kept));
    await list.reload();
  }
  async function show(id: string): Promise<void> {
    editing.value = null;
    await list.reload();
    await select(id);
  }
  return { list, editing, chosen, select, saved, show };
}
