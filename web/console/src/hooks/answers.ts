/** What an address answered, in words. */
import { t, word } from "../i18n/index";
import type { Delivery } from "./types";

/** Names of the errors of the line as the service keeps them, by what they mean to a person. */
const KINDS: [RegExp, string][] = [
  [/^answered /, "status"],
  [/never asked/, "barred"],
  [/Timeout/, "slow"],
  [/gaierror|NameResolution/, "name"],
  [/SSL|Certificate/i, "cert"],
  [/./, "away"],
];

export function answerOf(one: Pick<Delivery, "attempts" | "status" | "error" | "took_ms">): string {
  if (!one.attempts) return t("hooks.notYet");
  const took = one.took_ms === null ? "" : ` (${t("hooks.took", { ms: one.took_ms })})`;
  if (one.status !== null) return t("hooks.answered", { status: one.status }) + took;
  return word("hookError", KINDS.find(([pattern]) => pattern.test(one.error))?.[1] ?? "away") + took;
}
