/** Who is signed in on this phone. Known offline too: the last member stays until they sign out. */
import { api, session, sessionChanged, whenSignedOut } from "@shared/api/client";
import { problemOf } from "@shared/api/problem";
import { ref, shallowRef } from "vue";
import { forget, keep, kept, SIGNED_OUT } from "./offline/db";
import { pump, useAccount, whenOther } from "./offline/outbox";

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
  await keep("me", found);
  await useAccount(found.account_id); // before the screens: they ask what waits for this member
  me.value = found;
  expired.value = false;
}

let settling: Promise<boolean> | null = null;

/** Ends on the server what a member ended on the phone, perhaps without a network. False: not yet. */
function settleSignOut(): Promise<boolean> {
  settling ??= endSession().finally(() => (settling = null)); // one at a time: a late answer would take a new session's cookie away
  return settling;
}

async function endSession(): Promise<boolean> {
  if (!(await kept(SIGNED_OUT))) return true;
  try {
    await api.delete("/session", { timeout: 8_000 });
  } catch (error) {
    if (problemOf(error).status !== 401) return false; // 401: it had ended already
  }
  await forget(SIGNED_OUT);
  return true;
}

export async function startSession(): Promise<void> {
  const end = () => (expired.value = me.value !== null);
  whenSignedOut(end);
  whenOther(end);
  addEventListener("online", () => void settleSignOut());
  const last = await kept<Me>("me");
  if (last) {
    await useAccount(last.value.account_id);
    me.value = last.value;
  }
  known.value = true;
  if (!(await settleSignOut())) return;
  const asked = session;
  try {
    const found = await api.get<Me>("/me", {}, { timeout: 8_000 }); // a 401 tells `end`
    if (asked === session && !(await kept(SIGNED_OUT))) await take(found); // another window may have signed out
  } catch {
    // no network: what the phone knew
  }
}

export async function signIn(username: string, password: string, otp: string): Promise<void> {
  sessionChanged();
  await settleSignOut();
  await api.post("/session", { username, password, ...(otp ? { code: otp } : {}) });
  sessionChanged();
  await forget(SIGNED_OUT); // the new session has taken the old one's place
  await take(await api.get<Me>("/me"));
  void pump(true);
}

/** The phone forgets the member at once; the server is told now or when there is a network again, before anything else. */
export async function signOut(): Promise<void> {
  sessionChanged();
  await keep(SIGNED_OUT, true);
  await forget("me");
  await useAccount("");
  me.value = null;
  expired.value = false;
  await settleSignOut();
}
