/** The line of what just happened, in words, newest first. */
import { ref } from "vue";
import { onLive, type Envelope } from "@shared/live/index";
import type { RouteLocationRaw } from "vue-router";
import { stateName, transitions } from "../data/cases";
import { teamNames } from "../data/names";
import { areaName } from "../data/places";
import { named, t } from "../i18n/index";
import type { Label } from "../data/types";

export interface News { id: string; at: string; words: () => string; to: RouteLocationRaw | null; urgent: boolean; key: string }
const KEEP = 60;

type CaseData = { number: string; act: string; state: string; urgent: boolean; team_id: string | null };
type AlarmData = { device_id?: string; title?: Label; severity?: string; state?: string; value?: number };

function caseNews(event: Envelope<CaseData>): News {
  const act = () => {
    const found = transitions.value?.actions.find((one) => one.act === event.data.act);
    return found ? named(found) : event.type === "case.created" ? t("feed.reported") : named(stateName(event.data.state));
  };
  return {
    id: event.id, at: event.at, key: `case:${event.ref}`, urgent: event.data.urgent && event.type === "case.created", to: { name: "live", params: { case: event.ref } },
    words: () => [act(), event.data.act === "dispatch" ? named(teamNames(event.data.team_id)) : "", event.data.number, areaName(event.area)].filter(Boolean).join(" "),
  };
}

function alarmNews(event: Envelope<AlarmData>): News {
  return {
    id: event.id, at: event.at, key: `alarm:${event.ref}:${event.type}`, urgent: event.data.severity === "urgent" && event.type === "alarm.raised", to: { name: "alarms", params: { id: event.ref } },
    words: () => [named(event.data.title), event.type === "alarm.raised" ? t("feed.raised") : event.data.state === "cleared" ? t("feed.cleared") : t("feed.changed"), areaName(event.area)].filter(Boolean).join(" "),
  };
}

export function useFeed() {
  const news = ref<News[]>([]);
  const seen = new Set<string>();
  function add(one: News): void {
    if (seen.has(one.id)) return;
    seen.add(one.id);
    news.value = [one, ...news.value].slice(0, KEEP);
  }
  onLive<CaseData>(["case.created", "case.changed"], (event) => event.data.act !== "claim" && event.data.act !== "unclaim" && event.data.act !== undefined && add(caseNews(event)));
  onLive<AlarmData>("alarm.*", (event) => add(alarmNews(event)));
  onLive<{ state: string }>("task.changed", (event) => {
    const state = event.data.state;
    if (state === "arrived") add({ id: event.id, at: event.at, key: `task:${event.ref}`, urgent: false, to: null, words: () => [areaName(event.area), t("feed.arrived")].join(" ") });
  });
  return { news };
}
