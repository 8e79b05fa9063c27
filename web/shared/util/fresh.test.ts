import { effectScope, nextTick } from "vue";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../api/problem";
import { lostAt, stale } from "../live/index";
import { oldSince, unanswered } from "./fresh";
import { useLoad } from "./load";

const away = new Problem({ status: 503 });

describe("a reading that failed", () => {
  afterEach(() => void vi.useRealTimers());
  it("makes the screen stale since it was last read, is tried again, and is fresh when it succeeds", async () => {
    vi.useFakeTimers({ now: 1_000_000 });
    let answer: number | Problem = 1;
    const scope = effectScope();
    const it = scope.run(() => useLoad(() => (answer instanceof Problem ? Promise.reject(answer) : Promise.resolve(answer))))!;
    await it.load();
    expect(stale.value).toBe(false);
    answer = away;
    vi.setSystemTime(1_060_000);
    await it.load();
    expect([stale.value, lostAt.value, it.data.value]).toEqual([true, 1_000_000, 1]);
    answer = 2;
    await vi.advanceTimersByTimeAsync(6_000);
    expect([stale.value, it.data.value]).toEqual([false, 2]);
    answer = away;
    await it.load();
    expect(oldSince.value).toBeGreaterThan(0);
    scope.stop();
    await nextTick();
    expect(oldSince.value).toBe(0);
  });
  it("is not one that was refused: a refusal is an answer", () => {
    expect([403, 404, 422].map((status) => unanswered(new Problem({ status })))).toEqual([false, false, false]);
    expect([0, 429, 500, 502].map((status) => unanswered(new Problem({ status })))).toEqual([true, true, true, true]);
  });
});
