/** The points that this member's teams are to look at now; kept on the phone, signed on to with or without a network. */
import { api } from "@shared/api/client";
import { shallowRef } from "vue";
import { locateOnce } from "./duty";
import { metres } from "./geo";
import { keep, kept, newId } from "./offline/db";
import { enqueue } from "./offline/outbox";

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

export const points = shallowRef<Point[]>([]);

/** Points whose hours are over are not shown, also when the last answer is an old one. */
function current(all: Point[]): Point[] {
  return all.filter((one) => Date.parse(one.ends) > Date.now());
}

export async function loadPoints(account: string): Promise<void> {
  points.value = current((await kept<Point[]>(`points:${account}`))?.value ?? []);
  try {
    points.value = await api.get<Point[]>("/patrols/mine");
    await keep(`points:${account}`, points.value);
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
    chain: `point:${point.id}`, label: `point|${point.name}`,
    steps: [{
      method: "PUT", path: `/patrol-visits/${newId()}`,
      body: { point_id: point.id, lon: here.lon, lat: here.lat, accuracy_m: here.accuracy, client_at: new Date().toISOString() },
    }],
  });
  points.value = points.value.map((one) => (one.id === point.id ? { ...one, open: false, last_at: new Date().toISOString() } : one));
  return "done";
}
