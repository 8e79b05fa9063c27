/** How an entry point stands: as it was switched, then as its last message went. */
import type { Status } from "@shared/util/status";
import type { Key } from "../i18n/index";
import type { Entry, Standing } from "./types";

export function standing(one: Pick<Entry, "enabled" | "last" | "last_success_at">, shapes: Record<string, Status>, refused: Key): Standing {
  if (!one.enabled) return { status: "paused", key: "intake.off" };
  if (one.last && shapes[one.last.outcome] === "urgent") return { status: "urgent", key: refused };
  return one.last_success_at ? { status: "fine", key: "intake.well" } : { status: "info", key: "intake.unused" };
}
