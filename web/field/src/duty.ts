/** On duty or not, and the member's own position, which leaves the phone only while on duty. */
import { api } from "@shared/api/client";
import { ref, shallowRef } from "vue";
import { keep, kept, newId } from "./offline/db";
import { enqueue, itemsOf } from "./offline/outbox";
import { t } from "./words";

export interface Position {
  lon: number;
  lat: number;
  accuracy: number;
  at: number;
}

export const onDuty = ref(false);
export const position = shallowRef<Position | null>(null);
export const positionDenied = ref(false);
const EVERY = 30_000;
let duty = "", whose = "", watching = 0, lastSent = 0;

function take(found: GeolocationPosition): void {
  positionDenied.value = false;
  const { longitude: lon, latitude: lat, accuracy } = found.coords;
  position.value = { lon, lat, accuracy, at: found.timestamp };
  if (!onDuty.value || !duty || !navigator.onLine || Date.now() - lastSent < EVERY) return;
  lastSent = Date.now();
  const point = { lon, lat, accuracy_m: Math.round(accuracy), at: new Date(found.timestamp).toISOString() };
  void api.post(`/duty/${duty}/positions`, { positions: [point] }).catch(() => undefined); // worth nothing later: not queued
}

function watchPosition(): void {
  if (watching || !("geolocation" in navigator)) return;
  watching = navigator.geolocation.watchPosition(take, (error) => (positionDenied.value = error.code === error.PERMISSION_DENIED), {
    enableHighAccuracy: true, maximumAge: 15_000, timeout: 30_000,
  });
}

/** One reading of the phone's position, for a report; asks the member's leave the first time. */
export function locateOnce(): Promise<Position | null> {
  return new Promise((resolve) => {
    if (!("geolocation" in navigator)) return resolve(null);
    navigator.geolocation.getCurrentPosition(
      (found) => {
        take(found);
        resolve(position.value);
      },
      (error) => {
        positionDenied.value = error.code === error.PERMISSION_DENIED;
        resolve(null);
      },
      { enableHighAccuracy: true, maximumAge: 20_000, timeout: 12_000 },
    );
  });
}

/** Whether a sign-on or sign-off of the phone may be younger than an answer that was asked for then. */
async function moved(account: string, asked: number): Promise<boolean> {
  const acts = (await itemsOf(account)).filter((one) => one.chain === "duty");
  return acts.some((one) => one.state === "waiting" || (one.sentAt ?? 0) >= asked);
}

export async function loadDuty(account: string): Promise<void> {
  whose = account;
  let found = (await kept<string>(`duty:${account}`))?.value ?? "";
  const asked = Date.now();
  if (!(await moved(account, asked))) {
    try {
      const answer = (await api.get<{ id: string } | null>("/duty/me"))?.id ?? "";
      if (await moved(account, asked)) return; // the member has pressed the button meanwhile
      found = answer;
      await keep(`duty:${account}`, found);
    } catch {
      // no network: what the phone knew
    }
  }
  if (whose !== account) return;
  duty = found;
  onDuty.value = duty !== "";
  if (onDuty.value) watchPosition();
  else stopWatching();
}

/** Signed out: the phone tells nobody's position any more. The duty itself goes on until it is ended. */
export function leaveDuty(): void {
  whose = duty = "";
  onDuty.value = false;
  stopWatching();
}

function stopWatching(): void {
  if (watching) navigator.geolocation.clearWatch(watching);
  watching = 0;
}

/** Goes on or off duty, also without a network: the time of the act is the phone's. */
export async function setDuty(account: string, on: boolean): Promise<void> {
  const body = { client_at: new Date().toISOString() };
  if (on) {
    duty = newId();
    await enqueue({ chain: "duty", label: t("me.signOn"), steps: [{ method: "PUT", path: `/duty/${duty}`, body }] });
    watchPosition();
  } else {
    await enqueue({ chain: "duty", label: t("me.signOff"), steps: [{ method: "POST", path: `/duty/${duty}/end`, body }] });
    duty = "";
    stopWatching();
  }
  onDuty.value = on;
  await keep(`duty:${account}`, duty);
}
