import { effectScope } from "vue";
import { describe, expect, it, vi } from "vitest";
import { batched, debounced } from "./load";

describe("batched", () => {
  it("is not starved by a stream that never pauses, as typing is meant to be", () => {
    vi.useFakeTimers();
    const live = vi.fn(), typing = vi.fn();
    effectScope().run(() => {
      const soon = batched(live, 500), after = debounced(typing, 500);
      for (let i = 0; i < 40; i++) {
        soon();
        after();
        vi.advanceTimersByTime(100);
      }
    });
    expect(live.mock.calls.length).toBeGreaterThanOrEqual(7);
    expect(typing).not.toHaveBeenCalled();
    vi.useRealTimers();
  });
});
