/** How profiles, claims and certificates stand, as a shape and a word; fingerprints as people compare them. */
import { serverNow, millis } from "@shared/util/time";
import type { Status } from "@shared/util/status";
import type { Key } from "../i18n/index";
import type { CertificateState, ClaimState, Profile } from "./types";

export type Standing = "on" | "off" | "over" | "full" | "ended";
const SHAPE: Record<Standing, Status> = { on: "fine", off: "paused", over: "soon", full: "soon", ended: "info" };

/** Whether a profile lets devices in now, and if not why. */
export function standingOf(one: Pick<Profile, "enabled" | "ended_at" | "expires_at" | "used" | "max_devices">, now = serverNow()): { state: Standing; status: Status; key: Key } {
  const state = one.ended_at ? "ended" : !one.enabled ? "off" : one.expires_at && millis(one.expires_at) <= now ? "over" : one.used >= one.max_devices ? "full" : "on";
  return { state, status: SHAPE[state], key: `joining.is.${state}` };
}

export const CLAIM: Record<ClaimState, Status> = { open: "soon", taken: "fine", expired: "info" };
export const CERTIFICATE: Record<CertificateState, Status> = { valid: "fine", expiring: "soon", expired: "urgent", revoked: "paused" };
export const REASONS = ["closed", "full", "not-registered", "taken", "speaks", "has-credential", "too-late", "credential-taken", "no-gateways", "model-retired", "wrong-secret"] as const;

/** A fingerprint in pairs, as openssl prints it. */
export function pairs(hex: string): string {
  return (hex.toUpperCase().match(/../g) ?? []).join(":");
}

/** What a device sends to register itself, to copy into its settings. */
export function request(key: string, secret: string): string {
  return JSON.stringify({ deviceName: "SN-0001", provisionDeviceKey: key, provisionDeviceSecret: secret }, null, 2);
}
