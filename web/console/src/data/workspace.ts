/** The workspace: a centre or an area. It narrows the queue, the lists, the map and the figures together. */
import { computed, ref, watch } from "vue";
import { centres, loadTeams } from "./names";
import { areas, loadAreas } from "./places";
import { me } from "../session";

const key = () => `linli.workspace.${me.value?.account_id ?? ""}`; // each account its own
export interface Workspace { area: string; centre: string }

function stored(): Workspace {
  try {
    const found = JSON.parse(sessionStorage.getItem(key()) ?? localStorage.getItem(key()) ?? "") as Partial<Workspace>;
    return { area: found.area ?? "", centre: found.centre ?? "" };
  } catch {
    return { area: "", centre: "" };
  }
}

export const workspace = ref<Workspace>(stored());
watch(() => me.value?.account_id, () => (workspace.value = stored()), { flush: "sync" });

export function setWorkspace(next: Workspace): void {
  workspace.value = next;
  for (const store of [sessionStorage, localStorage]) store.setItem(key(), JSON.stringify(next));
}

export const centre = computed(() => centres.value.find((one) => one.id === workspace.value.centre) ?? null);
/** The area path that narrows lists; empty: all that I may see. */
export const area = computed(() => workspace.value.area || centre.value?.area_path || "");

/** Areas offered: down to the community level, within my own. */
export const choices = computed(() => {
  const mine = me.value?.grants.map((one) => one.area_path) ?? [];
  return areas.value.filter((one) => one.level <= 2 && mine.some((path) => !path || one.area_path.startsWith(path) || path.startsWith(one.area_path)));
});

export function loadWorkspaces(): Promise<unknown> {
  return Promise.all([loadAreas(), loadTeams()]);
}
