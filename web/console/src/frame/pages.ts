/** The pages of the menu, in the groups of the work they belong to; the palette lists the same. */
import { counts } from "../data/attention";
import type { Key } from "../i18n/index";

type Named<K> = K extends `nav.${infer N}` ? N : never;

export interface Entry {
  name: Named<Key>;
  permission: string;
  /** An outline in a box of 24 × 24. */
  icon: string;
  count?: () => { n: number; urgent?: boolean } | null;
}
export interface Group {
  key: Key;
  entries: Entry[];
}
export const GROUPS: Group[] = [
  { key: "nav.group.command", entries: [
    { name: "live", permission: "cases.view", icon: "M3 12h3l3-8 4 16 3-8h5" },
    { name: "cases", permission: "cases.view", icon: "M5 4h14v16H5zM9 9h6M9 13h6", count: () => (counts.value.open ? { n: counts.value.open } : null) },
    { name: "centres", permission: "board.view", icon: "M4 20V9l8-5 8 5v11M9 20v-6h6v6" },
    { name: "handovers", permission: "desk.view", icon: "M4 8h12M12 4l4 4-4 4M20 16H8M12 12l-4 4 4 4" },
    { name: "playbooks", permission: "cases.view", icon: "M5 4h14v16H5zM8 9l1.5 1.5L12 8M8 15l1.5 1.5L12 14M14 10h3M14 16h3" },
    { name: "operations", permission: "cases.view", icon: "M12 12a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM5 20a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM19 20a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM10 12l-3 3M14 12l3 3" },
    { name: "wall", permission: "cases.view", icon: "M3 5h18v12H3zM9 21h6" },
  ] },
  { key: "nav.group.oversight", entries: [
    { name: "supervision", permission: "cases.supervise", icon: "M12 3l9 16H3zM12 9v5M12 16.5v.5" },
    { name: "indicators", permission: "cases.view", icon: "M4 20h16M6 20v-7M11 20V5M16 20v-10" },
    { name: "bulletins", permission: "indicators.view", icon: "M4 10v4h4l8 5V5L8 10zM19 9a4 4 0 0 1 0 6" },
    { name: "day", permission: "desk.view", icon: "M6 3h12v18H6zM9 8h6M9 12h6M9 16h4" },
  ] },
  { key: "nav.group.field", entries: [
    { name: "teams", permission: "teams.view", icon: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM16 11a3 3 0 1 0 0-6M3 20c0-4 10-4 10 0M15 15c4 0 6 2 6 5" },
    { name: "rosters", permission: "rosters.view", icon: "M4 5h16v15H4zM4 10h16M8 3v4M16 3v4M8 14h3M13 14h3" },
    { name: "forms", permission: "forms.review", icon: "M6 3h12v18H6zM9 8h6M9 12h6M9 16h3" },
    { name: "patrols", permission: "patrols.view", icon: "M6 20a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM18 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 18h6a3 3 0 0 0 0-6h-4a3 3 0 0 1 0-6h6" },
  ] },
  { key: "nav.group.sensing", entries: [
    { name: "devices", permission: "devices.view", icon: "M12 14v6M8 20h8M7 11a5 5 0 0 1 10 0M4 11a8 8 0 0 1 16 0" },
    { name: "compare", permission: "devices.view", icon: "M4 20h16M4 15l5-6 4 4 7-8M4 9l5 6 4-3 7 5" },
    { name: "joining", permission: "devices.credentials", icon: "M4 12h9M9 8l4 4-4 4M14 4h6v16h-6" },
    { name: "firmware", permission: "devices.view", icon: "M7 7h10v10H7zM12 10v4M10 12l2 2 2-2M9 3v4M15 3v4M9 17v4M15 17v4M3 9h4M3 15h4M17 9h4M17 15h4" },
    { name: "models", permission: "devices.view", icon: "M4 7l8-4 8 4v10l-8 4-8-4zM4 7l8 4 8-4M12 11v10" },
    { name: "quality", permission: "devices.view", icon: "M4 20h16M6 16l4-5 4 3 5-8M19 6h-4M19 6v4" },
    { name: "alarms", permission: "alarms.view", icon: "M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4", count: () => (counts.value.alarms ? { n: counts.value.alarms, urgent: counts.value.ringing > 0 } : null) },
    { name: "figures", permission: "alarms.view", icon: "M4 20h16M7 20v-6M12 20V8M17 20v-9M6 8l4-4 4 3 5-4" },
    { name: "works", permission: "alarms.view", icon: "M14 6a4 4 0 0 0-5 5l-6 6 3 3 6-6a4 4 0 0 0 5-5l-3 3-3-3z" },
    { name: "rules", permission: "rules.view", icon: "M4 7h10M18 7h2M16 5v4M4 17h2M10 17h10M8 15v4" },
  ] },
  { key: "nav.group.settings", entries: [
    { name: "grids", permission: "grids.view", icon: "M4 4h16v16H4zM4 10h16M11 4v16" },
    { name: "health", permission: "devices.manage", icon: "M3 12h4l2-5 4 11 3-8 1 2h4" },
    { name: "routing", permission: "routing.view", icon: "M6 20V10a4 4 0 0 1 4-4h10M16 2l4 4-4 4M6 14h6a4 4 0 0 1 4 4v2" },
    { name: "import", permission: "cases.import", icon: "M12 3v11M8 10l4 4 4-4M4 16v4h16v-4" },
    { name: "people", permission: "people.view", icon: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20c0-5 14-5 14 0" },
    { name: "open311", permission: "integrations.manage", icon: "M4 8h12l-3-3M20 16H8l3 3" },
    { name: "hooks", permission: "integrations.manage", icon: "M4 12h10M10 8l4 4-4 4M18 5v14" },
    { name: "readingHooks", permission: "integrations.manage", icon: "M20 7H9M20 12h-6M20 17H9M4 4v16M12 9l-3-2 3-2M12 19l-3-2 3-2" },
    { name: "intake", permission: "integrations.manage", icon: "M20 12H10M14 8l-4 4 4 4M6 5v14" },
    { name: "audit", permission: "audit.view", icon: "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z" },
    { name: "reads", permission: "personal.reads", icon: "M3 12s3-6 9-6 9 6 9 6-3 6-9 6-9-6-9-6zM12 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4z" },
  ] },
];
/** What a page is called. */
export const title = (entry: Entry): Key => `nav.${entry.name}`;
