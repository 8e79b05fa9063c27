/** What the service tells about joining. */
import type { Label } from "../data/types";

export interface Profile {
  id: string; key: string; hint: string; name: Label; model: string; owner_department: string; owner_team_id: string | null; area_path: string; grid_id: string | null;
  creates: boolean; claimable: boolean; gateways: boolean; max_devices: number; used: number; last_at: string | null; refused: number; expires_at: string | null;
  enabled: boolean; ended_at: string | null; version: number; created_at: string; updated_at: string;
}
/** A profile with its secret, which is told this once. */
export interface ProfileMade extends Profile { secret: string }
export interface Joined {
  device_id: string; code: string; name: Label; model: string; state: string; area_path: string; profile_id: string; profile: Label; at: string; last_seen: string | null;
}
export interface Refusal {
  id: string; profile_id: string; profile: Label; name: string; reason: string; device_id: string | null; count: number; first_at: string; last_at: string;
}
export type ClaimState = "open" | "taken" | "expired";
export interface Claim {
  device_id: string; code: string; name: Label; model: string; area_path: string; owner_department: string; state: ClaimState; asked_at: string; expires_at: string | null;
  tries: number; claimed_at: string | null; claimed_by: string | null;
}
export type CertificateState = "valid" | "expiring" | "expired" | "revoked";
export interface Certificate {
  id: string; device_id: string; code: string; name: Label; fingerprint: string; subject: string; issuer: string; state: CertificateState; created_at: string;
  expires_at: string; revoked_at: string | null;
}
