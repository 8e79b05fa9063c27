/** The form of an entry point: what the forms of the packs begin it with, its mapping as text, and what was refused. */
import { computed, onMounted, ref, watch, type ComputedRef } from "vue";
import { api } from "@shared/api/client";
import { problemOf, type Problem } from "@shared/api/problem";
import { useLoad } from "@shared/util/load";

interface Was { id: string; name: string; area_path: string; version: number; mapping: object }
interface Preset { code: string; mapping: object }

/** `own`: the fields whose refusals stand beside them. */
export function useEntryForm<P extends Preset, M extends object>(path: string, was: Was | null, own: string[]) {
  const name = ref(was?.name ?? ""), areaPath = ref(was?.area_path ?? ""), code = ref("");
  const text = ref(was ? JSON.stringify(was.mapping, null, 2) : "{}"), unread = ref(false), open = ref(false);
  const problem = ref<Problem | null>(null), busy = ref(false);
  const presets = useLoad((signal) => api.get<P[]>(`${path}/presets`, {}, { signal }));
  onMounted(() => void (was || presets.load()));
  const preset = computed(() => presets.data.value?.find((one) => one.code === code.value) ?? null) as ComputedRef<P | null>;
  watch(preset, (found) => found && (text.value = JSON.stringify(found.mapping, null, 2)));
  const mapping = computed<M | null>(() => {
    try {
      const found: unknown = JSON.parse(text.value);
      return found && typeof found === "object" && !Array.isArray(found) ? (found as M) : null;
    } catch {
      return null;
    }
  }) as ComputedRef<M | null>;
  const wrongs = computed(() => problem.value?.errors.filter((one) => one.field.startsWith("mapping")) ?? []);
  /** A field's own reason: the name of an entry point is not a name in its mapping. */
  const wrongAt = (field: string) => problem.value?.errors.find((one) => one.field === field)?.reason;
  const others = computed(() => (problem.value && !wrongs.value.length && !own.some(wrongAt) ? problem.value : null));

  /** Sends what the form says; `made` gets the answer for a new one, `saved` is told of a change. */
  async function save(more: object, fresh: object, saved: () => void, made: (answer: unknown) => void): Promise<void> {
    unread.value = !mapping.value;
    problem.value = null;
    if (!mapping.value) return;
    busy.value = true;
    const body = { name: name.value, area_path: areaPath.value, mapping: mapping.value, ...more };
    try {
      if (was) {
        await api.patch(`${path}/${was.id}`, { ...body, version: was.version });
        saved();
      } else made(await api.post<unknown>(path, { ...body, ...fresh }, { key: false }));
    } catch (error) {
      problem.value = problemOf(error);
      open.value ||= wrongs.value.length > 0;
    } finally {
      busy.value = false;
    }
  }
  return { name, areaPath, code, text, unread, open, presets, preset, mapping, wrongs, wrongAt, others, busy, save };
}
