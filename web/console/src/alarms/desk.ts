/** Who has what: the acts of the desk on alarms and incidents, one or many, each with its undo. */
import { api } from "@shared/api/client";
import { person } from "@shared/util/masks";
import { say, sayProblem } from "@shared/util/toasts";
import { loadAttention } from "../data/attention";
import { teamNames } from "../data/names";
import type { Held } from "../data/types";
import { named, t } from "../i18n/index";
import { me } from "../session";

export interface Ref { id: string; incident: boolean }
export type Wish = { take: true } | { give_back: true } | { assignee_id: string } | { team_id: string };
interface Done { id: string; incident: boolean; act_id: string | null; wrong: string }
export const WHOSE = ["mine", "team", "nobody"] as const;

/** The person who has it, else the team, else nothing; `me` stands for oneself. */
export function whose(row: Held): string {
  if (row.assignee_id) return row.assignee_id === me.value?.account_id ? t("whose.me") : person(row.assignee_name) || t("whose.somebody");
  return row.team_id ? named(teamNames(row.team_id)) || t("whose.someTeam") : "";
}

const path = (one: Ref) => `/${one.incident ? "incidents" : "alarms"}/${one.id}`;

/** Says what came of it, with one undo for all that was done. `seen`: since when, on this screen, it was whoever's; what has changed hands since is left alone. */
export async function assign(refs: Ref[], wish: Wish, text: string, after: () => void | Promise<void>, seen: string | null = null): Promise<void> {
  try {
    const answer = await api.post<{ items: Done[] }>("/alarm-assignments", {
      alarm_ids: refs.filter((one) => !one.incident).map((one) => one.id), incident_ids: refs.filter((one) => one.incident).map((one) => one.id), ...wish, text, seen_at: seen,
    });
    const done = answer.items.filter((one) => one.act_id), wrong = answer.items.filter((one) => one.wrong);
    if (done.length || !wrong.length) say(words(wish, done.length), done.length ? { seconds: 8, undo: () => undo(done, after) } : {});
    if (wrong.length) say(wrong.length === 1 && refs.length === 1 ? reason(wrong[0]!.wrong) : t("whose.someWrong", { n: wrong.length, why: [...new Set(wrong.map((one) => reason(one.wrong)))].join(" · ") }), { kind: "wrong" });
    await Promise.all([after(), loadAttention()]);
  } catch (error) {
    sayProblem(error);
  }
}

export async function undo(done: { id: string; incident: boolean; act_id: string | null }[], after: () => void | Promise<void>): Promise<void> {
  try {
    for (const one of done) await api.post(`${path(one)}/assignments/${one.act_id}/undo`, {});
    say(t("incident.undone"));
    await Promise.all([after(), loadAttention()]);
  } catch (error) {
    sayProblem(error);
  }
}

function words(wish: Wish, n: number): string {
  if ("take" in wish) return t("whose.taken", { n });
  return "give_back" in wish ? t("whose.givenBack", { n }) : t("whose.handed", { n });
}

function reason(code: string): string {
  if (code === "stale") return t("whose.wrong.stale");
  return code === "taken" ? t("whose.wrong.taken") : code === "cleared" ? t("whose.wrong.over") : code === "invalid" ? t("whose.wrong.other") : t("whose.wrong.rights");
}
