/** Who is signed in on this phone. Known offline too: the last member stays until they sign out. */
import { api, whenSignedOut } from "@shared/api/client";
import { problemOf } from "@shared/api/problem";
import { ref, shallowRef } from "vue";
import { forget, keep, kept } from "./offline/db";
import { pump, useAccount } from "./offline/outbox";

export interface Me {
  account_id: string;
  username: string;
  display_name: string;
  permissions: string[];
}

export const me = shallowRef<Me | null>(null);
export const known = ref(false);
/** The session ended on the server: what is on the phone stays, sending waits for a new sign-in. */
export const expired = ref(false);

async function take(found: Me): Promise<void> {
  me.value = found;
  expired.value = false;
  await keep("me", found);
  await useAccount(found.account_id);
}

export async function startSession(): Promise<void> {
  whenSignedOut(() => (expired.value = me.value !== null));
  const last = await kept<Me>("me");
  if (last) {
    me.value = last.value;
    await useAccount(last.value.account_id);
  }
  known.value = true;
  try {
    await take(await api.get<Me>("/me", {}, { timeout: 8_000 }));
  } catch (error) {
    const problem = problemOf(error);
    if (problem.status === 401 && last) expired.value = true;
  }
}

export async function signIn(username: string, password: string, otp: string): Promise<void> {
  await api.post("/session", { username, password, ...(otp ? { code: otp } : {}) });
  await take(await api.get<Me>("/me"));
  void pump(true);
}

export async function signOut(): Promise<void> {
  await api.delete("/session").catch(() => undefined);
  me.value = null;
  expired.value = false;
  await forget("me");
  await useAccount("");
}
