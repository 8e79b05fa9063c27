/** Names of staff and teams by id, for lists that carry ids. Only what the signed-in person may read. */
import { shallowRef } from "vue";
import { api, type Page } from "@shared/api/client";
import { can } from "../session";
import type { Account, Centre, Team } from "./types";

export const teams = shallowRef<Team[]>([]);
export const centres = shallowRef<Centre[]>([]);
const people = shallowRef(new Map<string, string>());
let teamsAsked: Promise<void> | null = null, peopleAsked: Promise<void> | null = null;

async function every<T>(path: string): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await api.get<Page<T>>(path, { limit: 200, cursor });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor && found.length < 2000);
  return found;
}

export function loadTeams(again = false): Promise<void> {
  if (again) teamsAsked = null;
  if (!can("teams.view")) return Promise.resolve();
  teamsAsked ??= Promise.all([every<Team>("/teams"), every<Centre>("/centres")]).then(
    ([foundTeams, foundCentres]) => {
      teams.value = foundTeams;
      centres.value = foundCentres;
    },
    () => void (teamsAsked = null),
  );
  return teamsAsked;
}

export function teamNames(id: string | null | undefined): { zh: string; en: string } | null {
  const found = teams.value.find((one) => one.id === id);
  return found ? { zh: found.name_zh, en: found.name_en } : null;
}

export function useNames(): { nameOf: (id: string) => string } {
  if (can("people.view")) {
    peopleAsked ??= every<Account>("/accounts").then(
      (found) => void (people.value = new Map(found.map((one) => [one.id, one.display_name]))),
      () => void (peopleAsked = null),
    );
  }
  return { nameOf: (id) => people.value.get(id) ?? "" };
}
