/** Acts of a panel: one at a time, a refusal in words, and `after` whatever came of it. */
import { ref, type Ref } from "vue";
import { say, sayProblem } from "./toasts";

export function useActs(after: () => void): { busy: Ref<boolean>; act: (run: () => Promise<unknown>, done?: string) => Promise<boolean> } {
  const busy = ref(false);
  async function act(run: () => Promise<unknown>, done?: string): Promise<boolean> {
    busy.value = true;
    try {
      await run();
      if (done) say(done);
      return true;
    } catch (error) {
      sayProblem(error);
      return false;
    } finally {
      busy.value = false;
      after();
    }
  }
  return { busy, act };
}
