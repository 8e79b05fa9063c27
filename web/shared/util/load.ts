/** Reading from the service with its states: loading, failed, empty, loaded; late answers of old questions are dropped. */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from "vue";
import { api, type Page, type Query } from "../api/client";
import { Problem, problemOf } from "../api/problem";
import { useFresh } from "./fresh";

export interface Loaded<T> {
  data: ShallowRef<T | null>;
  problem: ShallowRef<Problem | null>;
  loading: Ref<boolean>;
  at: Ref<number>;
  load: () => Promise<void>;
}

/** One answer of the service; `load()` reads it again and keeps what is shown meanwhile. */
export function useLoad<T>(read: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const data = shallowRef<T | null>(null), problem = shallowRef<Problem | null>(null), loading = ref(false), at = ref(0);
  let current: AbortController | null = null;
  const fresh = useFresh(() => (loading.value ? Promise.resolve() : load()));
  async function load(): Promise<void> {
    current?.abort();
    const mine = (current = new AbortController());
    loading.value = true;
    try {
      const found = await read(mine.signal);
      if (mine !== current) return;
      data.value = found;
      problem.value = null;
      at.value = Date.now();
      fresh.read();
    } catch (error) {
      if (mine !== current) return;
      problem.value = problemOf(error);
      fresh.failed(problem.value, data.value === null ? 0 : at.value);
    } finally {
      if (mine === current) loading.value = false;
    }
  }
  onScopeDispose(() => {
    current?.abort();
    current = null;
  });
  return { data, problem, loading, at, load };
}

export interface Listed<T> {
  items: ShallowRef<T[]>;
  next: Ref<string | null>;
  problem: ShallowRef<Problem | null>;
  loading: Ref<boolean>;
  loaded: Ref<boolean>;
  reload: () => Promise<void>;
  more: () => Promise<void>;
  replace: (found: T[]) => void;
}

/** A keyset list: `reload()` starts again with the query of now, `more()` appends the next page. `seen` gets each page whole. */
export function useList<T, P extends Page<T> = Page<T>>(path: string, query: () => Query, seen?: (page: P) => void): Listed<T> {
  const items = shallowRef<T[]>([]), next = ref<string | null>(null), loaded = ref(false);
  const problem = shallowRef<Problem | null>(null), loading = ref(false);
  let current: AbortController | null = null, at = 0;
  const fresh = useFresh(() => (loading.value ? Promise.resolve() : read(null)));
  async function read(cursor: string | null): Promise<void> {
    current?.abort();
    const mine = (current = new AbortController());
    loading.value = true;
    try {
      const page = await api.get<P | T[]>(path, { ...query(), cursor }, { signal: mine.signal });
      if (mine !== current) return;
      if (!Array.isArray(page)) seen?.(page);
      const found = Array.isArray(page) ? page : page.items;
      items.value = cursor ? [...items.value, ...found] : found;
      next.value = Array.isArray(page) ? null : page.next;
      problem.value = null;
      loaded.value = true;
      if (!cursor) at = Date.now();
      fresh.read();
    } catch (error) {
      if (mine !== current) return;
      problem.value = problemOf(error);
      fresh.failed(problem.value, at);
    } finally {
      if (mine === current) loading.value = false;
    }
  }
  onScopeDispose(() => {
    current?.abort();
    current = null;
  });
  return {
    items, next, problem, loading, loaded,
    reload: () => read(null),
    more: () => (next.value ? read(next.value) : Promise.resolve()),
    replace: (found) => (items.value = found),
  };
}

/** Runs `fn` a while after the first of many calls: a stream of events that never pauses does not starve a screen. */
export function batched(fn: () => void, wait: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  onScopeDispose(() => clearTimeout(timer));
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      fn();
    }, wait);
  };
}

/** Runs `fn` soon after the last of many calls: for typing. */
export function debounced(fn: () => void, wait = 250): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  onScopeDispose(() => clearTimeout(timer));
  return () => {
    clearTimeout(timer);
    timer = setTimeout(fn, wait);
  };
}
