/** What the service tells about firmware and its campaigns. */
import type { Label } from "../data/types";

export type Kind = "firmware" | "software";
export interface Firmware {
  id: string; model: string; kind: Kind; title: string; version: string; size: number; sha256: string; file_id: string; note: string; area_path: string;
  withdrawn_at: string | null; created_at: string;
}
export type UpdateState = "waiting" | "told" | "downloading" | "downloaded" | "updating" | "updated" | "failed" | "cancelled";
export type Counts = Record<UpdateState, number>;
export type CampaignState = "draft" | "running" | "paused" | "done" | "cancelled";
export interface Campaign {
  id: string; name: string; firmware: Firmware; area_path: string; tags: string[]; stages: number[]; stage: number; auto: boolean; max_failed: number;
  state: CampaignState; paused_by: "" | "person" | "failures"; counts: Counts; version: number; created_at: string; changed_at: string;
}
export interface Update { id: string; device_id: string; code: string; name: Label; stage: number; state: UpdateState; error: string; changed_at: string }
export interface DeviceUpdate {
  id: string; campaign_id: string; campaign: string; campaign_state: CampaignState; kind: Kind; title: string; version: string; state: UpdateState; error: string; changed_at: string;
}
/** Whom a campaign would be for, and who is left out. */
export interface Choice { devices: number; running: number; busy: number; children: number; off: number }
