/** The line of what just happened, in words, newest first. */
import { onMounted, ref } from "vue";
import { api, type Page } from "@shared/api/client";
import { onLive, type Envelope } from "@shared/live/index";
import type { RouteLocationRaw } from "vue-router";
import { stateName, transitions } from "../data/cases";
import { teamNames } from "../data/names";
import { areaName } from "../data/places";
import { named, t } from "../i18n/index";
import type { Alarm, CaseRow, Label } from "../data/types";
import { area } from "../data/workspace";
import { can } from "../session";

export interface News { id: string; at: string; words: () => string; to: RouteLocationRaw | null; urgent: boolean; key: string }
const KEEP = 60, BEFORE = 20;

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

/** Background notices reach those concerned as `case.notice`; the feed of all others stays free of them. */
const QUIET = ["claim", "unclaim", "warn", "escalate", "recheck_due", "calendar", "remind"];
type NoticeData = { number: string; act: string; urgent: boolean };

function notice(event: Envelope<NoticeData>): News {
  return {
    id: event.id, at: event.at, key: `notice:${event.ref}`, urgent: event.data.act === "escalate", to: { name: "live", params: { case: event.ref } },
    words: () => [t(event.data.act === "warn" ? "feed.near" : event.data.act === "escalate" ? "feed.late" : event.data.act === "remind" ? "feed.remind" : "feed.recheck"), event.data.number, areaName(event.area)].filter(Boolean).join(" "),
  };
}

function alarmNews(event: Envelope<AlarmData>): News {
  return {
    id: event.id, at: event.at, key: `alarm:${event.ref}:${event.type}`, urgent: event.data.severity === "urgent" && event.type === "alarm.raised", to: { name: "alarms", params: { id: event.ref } },
    words: () => [named(event.data.title), event.type === "alarm.raised" ? t("feed.raised") : event.data.state === "cleared" ? t("feed.cleared") : t("feed.changed"), areaName(event.area)].filter(Boolean).join(" "),
  };
}

type AlarmNotice = { act: "assigned" | "withdrawn" | "escalated"; title: Label; severity: string };

/** What comes to this person: given to them or their team, taken back, or escalated to them. */
function alarmNotice(event: Envelope<AlarmNotice>): News {
  return {
    id: event.id, at: event.at, key: `notice:${event.ref}:${event.data.act}`, urgent: event.data.act === "escalated",
    to: event.kind === "incident" ? { name: "incident", params: { incident: event.ref } } : { name: "alarms", params: { id: event.ref } },
    words: () => [t(`feed.alarm.${event.data.act}`), named(event.data.title), areaName(event.area)].filter(Boolean).join(" "),
  };
}

function reported(it: CaseRow): News {
  return {
    id: `case:${it.id}`, at: it.created_at, key: `case:${it.id}`, urgent: it.urgent, to: { name: "live", params: { case: it.id } },
    words: () => [t("feed.reported"), it.number, areaName(it.area_path)].filter(Boolean).join(" "),
  };
}

function raised(it: Alarm): News {
  return {
    id: `alarm:${it.id}`, at: it.raised_at, key: `alarm:${it.id}:alarm.raised`, urgent: it.severity === "urgent" && !it.cleared_at, to: { name: "alarms", params: { id: it.id } },
    words: () => [named(it.title), t("feed.raised"), areaName(it.area_path)].filter(Boolean).join(" "),
  };
}

export function useFeed() {
  const news = ref<News[]>([]);
  function add(one: News): void {
    if (!news.value.some((other) => other.id === one.id)) news.value = [one, ...news.value].slice(0, KEEP);
  }
  /** What happened before the page was opened: the newest reports and alarms. */
  onMounted(async () => {
    const items = <T>(call: Promise<Page<T>>) => call.then((page) => page.items, (): T[] => []);
    const [cases, alarms] = await Promise.all([
      can("cases.view") ? items(api.get<Page<CaseRow>>("/cases", { area: area.value, limit: BEFORE })) : [],
      can("alarms.view") ? items(api.get<Page<Alarm>>("/alarms", { area: area.value, state: "all", limit: BEFORE })) : [],
    ]);
    const known = new Set(news.value.map((one) => one.key));
    const before = [...cases.map(reported), ...alarms.map(raised)].filter((one) => !known.has(one.key));
    news.value = [...news.value, ...before.sort((a, b) => Date.parse(b.at) - Date.parse(a.at))].slice(0, KEEP);
  });
  onLive<CaseData>(["case.created", "case.changed"], (event) => event.data.act !== undefined && !QUIET.includes(event.data.act) && add(caseNews(event)));
  onLive<NoticeData>("case.notice", (event) => add(notice(event)));
  onLive<{ number: string }>("bulletin.notice", (event) => add({
    id: event.id, at: event.at, key: `bulletin:${event.ref}`, urgent: false, to: { name: "bulletins", params: { id: event.ref } }, words: () => [t("feed.bulletin"), event.data.number, areaName(event.area)].filter(Boolean).join(" "),
  }));
  onLive<AlarmData>("alarm.*", (event) => event.type !== "alarm.notice" && add(alarmNews(event)));
  onLive<AlarmNotice>("alarm.notice", (event) => add(alarmNotice(event)));
  onLive<{ state: string }>("task.changed", (event) => {
    const state = event.data.state;
    if (state === "arrived") add({ id: event.id, at: event.at, key: `task:${event.ref}`, urgent: false, to: null, words: () => [areaName(event.area), t("feed.arrived")].join(" ") });
  });
  return { news };
}
