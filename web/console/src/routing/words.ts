/** Rules in words: where, when and to whom. */
import { catalogue } from "../data/cases";
import { centres, teams } from "../data/names";
import { areaName } from "../data/places";
import { named, t, word, type Key } from "../i18n/index";
import type { Finding, Rule } from "./types";

/** What a prefix of class codes covers: one class, a big class, or how many classes. */
export function classWords(prefix: string): string {
  if (!prefix) return t("routing.allClasses");
  const one = catalogue.value?.classes.find((c) => c.code === prefix);
  if (one) return named(one);
  const big = catalogue.value?.big_classes.find((c) => c.code === prefix);
  if (big) return named(big);
  const found = catalogue.value?.classes.filter((c) => c.code.startsWith(prefix)) ?? [];
  if (found.length === 1) return named(found[0]!);
  const within = catalogue.value?.big_classes.find((c) => prefix.startsWith(c.code));
  return within && found.length ? t("routing.someOf", { n: found.length, name: named(within) }) : t("routing.classes", { n: found.length });
}

export const areaWords = (path: string | undefined): string => (path ? areaName(path) : "");

/** The conditions besides class and area, each a short piece. */
export function whenWords(rule: Rule): string[] {
  return [
    ...(rule.events?.length ? [rule.events.map((e) => word("routing.event", e)).join(" / ")] : []),
    ...(rule.channels?.length ? [rule.channels.map((c) => word("channel", c)).join(" / ")] : []),
    ...(rule.days ? [word("routing.days", rule.days)] : []),
    ...(rule.hours ?? []),
  ];
}

/** Whom the rule names. */
export function targetWords(rule: Rule): string {
  const parts: string[] = [];
  const team = teams.value.find((one) => one.code === rule.team), centre = centres.value.find((one) => one.code === rule.centre);
  if (rule.team) parts.push(team ? named({ zh: team.name_zh, en: team.name_en || team.name_zh }) : rule.team);
  if (rule.centre) parts.push(centre ? named({ zh: centre.name_zh, en: centre.name_en || centre.name_zh }) : rule.centre);
  if (rule.team_kind) parts.push(t("routing.kindOf", { kind: word("team.kind", rule.team_kind) }));
  if (rule.person) parts.push(rule.person);
  return parts.join(" · ");
}

export const findingWords = (one: Finding): string => t(`routing.finding.${one.code}` as Key, { n: one.rule, other: one.other, value: one.value });
