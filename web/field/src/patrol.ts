/** The points that this member's teams are to look at now; kept on the phone, signed on to with or without a network. */
import { api } from "@shared/api/client";
import { shallowRef } from "vue";
import { locateOnce } from "./duty";
import { metres } from "./geo";
import { keep, kept, newId } from "./offline/db";
import { enqueue, items } from "./offline/outbox";

export interface Point {
  id: string;
  name: string;
  plan: string;
  kind: "round" | "school" | "joint";
  lon: number;
  lat: number;
  radius_m: number;
  every_min: number;
  due: number;
  done: number;
  open: boolean;
  ends: string;
  last_at: string | null;
}
const SLACK = 60; // as in work/patrol_rules.py: how much of the phone's own error is forgiven

const answer = shallowRef<Point[]>([]);
let asked = 0; // when the answer was asked for: sign-ons sent since then are not in it

/**
 * The points, with the sign-ons that the service's answer does not know of: those in the outbox, and those sent since it was
 * asked for. One counts for as long as its point asks for one sign-on.
 */
export function pointsAt(now: number): Point[] {
  return answer.value.map((point) => {
    const mine = items.value.filter((one) => one.chain === `point:${point.id}` && (one.state === "waiting" || (one.state === "sent" && (one.sentAt ?? 0) >= asked)));
    const last = mine.at(-1)?.created;
    return last ? { ...point, open: point.open && last < now - point.every_min * 60_000, last_at: new Date(last).toISOString() } : point;
  });
}

/** Points whose hours are over are not shown, also when the last answer is an old one. */
function current(all: Point[]): Point[] {
  return all.filter((one) => Date.parse(one.ends) > Date.now());
}

export async function loadPoints(account: string): Promise<void> {
  const last = await kept<Point[]>(`points:${account}`), began = Date.now();
  answer.value = current(last?.value ?? []);
  asked = last?.at ?? 0;
  try {
    answer.value = await api.get<Point[]>("/patrols/mine");
    asked = began;
    await keep(`points:${account}`, answer.value);
  } catch {
    // what the phone knew
  }
}

/** "far" and "no position" are said at once: the service would refuse the sign-on later. */
export async function signOnAt(point: Point): Promise<"done" | "far" | "no position"> {
  const here = await locateOnce();
  if (!here) return "no position";
  if (metres(here, point) > point.radius_m + Math.min(here.accuracy, SLACK)) return "far";
  await enqueue({
    chain: `point:${point.id}`, after: "duty", label: `point|${point.name}`,
    steps: [{
      method: "PUT", path: `/patrol-visits/${newId()}`,
      body: { point_id: point.id, lon: here.lon, lat: here.lat, accuracy_m: here.accuracy, client_at: new Date().toISOString() },
    }],
  });
  return "done";
}
