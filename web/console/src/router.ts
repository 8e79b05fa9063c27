/** Every page of the console and the permission that shows it. */
import { createRouter, createWebHistory, type RouteRecordRaw } from "vue-router";
import type { Key } from "./i18n/index";
import { can, load, loaded, me } from "./session";

declare module "vue-router" {
  interface RouteMeta {
    title?: Key;
    permission?: string;
    bare?: boolean;
    dark?: boolean;
    open?: boolean;
  }
}

const routes: RouteRecordRaw[] = [
  { path: "/sign-in", name: "sign-in", component: () => import("./views/SignIn.vue"), meta: { bare: true, open: true, title: "sign.title" } },
  { path: "/", name: "home", redirect: () => ({ name: loaded.value ? landing() : "live" }) },
  { path: "/live/:case?", name: "live", component: () => import("./live/LiveView.vue"), meta: { title: "nav.live", permission: "cases.view" } },
  { path: "/cases", name: "cases", component: () => import("./cases/CaseDesk.vue"), meta: { title: "nav.cases", permission: "cases.view" } },
  { path: "/case-imports", name: "import", component: () => import("./cases/ImportPage.vue"), meta: { title: "nav.import", permission: "cases.import" } },
  { path: "/cases/:id", name: "case", component: () => import("./cases/CasePage.vue"), meta: { title: "nav.cases", permission: "cases.view" } },
  { path: "/day", name: "day", component: () => import("./desk/DayPage.vue"), meta: { title: "nav.day", permission: "desk.view" } },
  { path: "/playbooks/:code?", name: "playbooks", component: () => import("./cards/PlaybooksPage.vue"), meta: { title: "nav.playbooks", permission: "cases.view" } },
  { path: "/operations", name: "operations", component: () => import("./operations/OperationList.vue"), meta: { title: "nav.operations", permission: "cases.view" } },
  { path: "/operations/:id", name: "operation", component: () => import("./operations/OperationPage.vue"), meta: { title: "nav.operations", permission: "cases.view" } },
  { path: "/handovers/:id?", name: "handovers", component: () => import("./desk/HandoverPage.vue"), meta: { title: "nav.handovers", permission: "desk.view" } },
  { path: "/supervision", name: "supervision", component: () => import("./supervision/SupervisionPage.vue"), meta: { title: "nav.supervision", permission: "cases.supervise" } },
  { path: "/bulletins/:id?", name: "bulletins", component: () => import("./supervision/BulletinPage.vue"), meta: { title: "nav.bulletins", permission: "indicators.view" } },
  { path: "/centres/:code?", name: "centres", component: () => import("./centres/CentrePage.vue"), meta: { title: "nav.centres", permission: "board.view" } },
  { path: "/rosters", name: "rosters", component: () => import("./centres/RosterPage.vue"), meta: { title: "nav.rosters", permission: "rosters.view" } },
  { path: "/rosters/import", name: "roster-import", component: () => import("./centres/RosterImport.vue"), meta: { title: "rosterImport.title", permission: "rosters.manage" } },
  { path: "/indicators", name: "indicators", component: () => import("./insight/IndicatorPage.vue"), meta: { title: "nav.indicators", permission: "cases.view" } },
  { path: "/devices", name: "devices", component: () => import("./devices/DeviceList.vue"), meta: { title: "nav.devices", permission: "devices.view" } },
  { path: "/devices/import", name: "device-import", component: () => import("./devices/DeviceImport.vue"), meta: { title: "deviceImport.title", permission: "devices.manage" } },
  { path: "/devices/quality", name: "quality", component: () => import("./devices/DeviceQuality.vue"), meta: { title: "nav.quality", permission: "devices.view" } },
  { path: "/devices/health", name: "health", component: () => import("./devices/DeviceHealth.vue"), meta: { title: "nav.health", permission: "devices.manage" } },
  { path: "/compare", name: "compare", component: () => import("./compare/ComparePage.vue"), meta: { title: "nav.compare", permission: "devices.view" } },
  { path: "/devices/:id", name: "device", component: () => import("./devices/DevicePage.vue"), meta: { title: "nav.devices", permission: "devices.view" } },
  { path: "/joining/:tab(profiles|devices|refused|claims|certificates)?/:id?", name: "joining", component: () => import("./joining/JoiningPage.vue"), meta: { title: "nav.joining", permission: "devices.credentials" } },
  { path: "/firmware/:tab(campaigns|packages)?/:id?", name: "firmware", component: () => import("./firmware/FirmwarePage.vue"), meta: { title: "nav.firmware", permission: "devices.view" } },
  { path: "/thing-models", name: "models", component: () => import("./models/ModelList.vue"), meta: { title: "nav.models", permission: "devices.view" } },
  { path: "/thing-models/:code", name: "model", component: () => import("./models/ModelPage.vue"), meta: { title: "nav.models", permission: "devices.view" } },
  { path: "/thing-model-drafts/:id", name: "model-draft", component: () => import("./models/DraftPage.vue"), meta: { title: "models.drafts", permission: "devices.manage" } },
  { path: "/alarms/:id?", name: "alarms", component: () => import("./alarms/AlarmList.vue"), meta: { title: "nav.alarms", permission: "alarms.view" } },
  { path: "/incidents/:incident", name: "incident", component: () => import("./alarms/AlarmList.vue"), meta: { title: "nav.alarms", permission: "alarms.view" } },
  { path: "/maintenance/:id?", name: "works", component: () => import("./alarms/WorksPage.vue"), meta: { title: "nav.works", permission: "alarms.view" } },
  { path: "/alarm-figures", name: "figures", component: () => import("./alarms/FiguresPage.vue"), meta: { title: "nav.figures", permission: "alarms.view" } },
  { path: "/rules/:id?", name: "rules", component: () => import("./devices/RuleList.vue"), meta: { title: "nav.rules", permission: "rules.view" } },
  { path: "/routing/:id?", name: "routing", component: () => import("./routing/RoutingPage.vue"), meta: { title: "nav.routing", permission: "routing.view" } },
  { path: "/grids/:id?", name: "grids", component: () => import("./grids/GridPage.vue"), meta: { title: "nav.grids", permission: "grids.view" } },
  { path: "/teams/:id?", name: "teams", component: () => import("./people/TeamPage.vue"), meta: { title: "nav.teams", permission: "teams.view" } },
  { path: "/forms", name: "forms", component: () => import("./forms/FormsPage.vue"), meta: { title: "nav.forms", permission: "forms.review" } },
  { path: "/patrols", name: "patrols", component: () => import("./forms/PatrolPage.vue"), meta: { title: "nav.patrols", permission: "patrols.view" } },
  { path: "/people/:id?", name: "people", component: () => import("./people/PeoplePage.vue"), meta: { title: "nav.people", permission: "people.view" } },
  { path: "/audit", name: "audit", component: () => import("./audit/AuditPage.vue"), meta: { title: "nav.audit", permission: "audit.view" } },
  { path: "/personal-reads", name: "reads", component: () => import("./audit/ReadsPage.vue"), meta: { title: "nav.reads", permission: "personal.reads" } },
  { path: "/integrations", name: "open311", component: () => import("./open311/EndpointPage.vue"), meta: { title: "nav.open311", permission: "integrations.manage" } },
  { path: "/webhooks/:id?", name: "hooks", component: () => import("./hooks/HookPage.vue"), meta: { title: "nav.hooks", permission: "integrations.manage" } },
  { path: "/reading-hooks/:id?", name: "readingHooks", component: () => import("./readings/ReadingsPage.vue"), meta: { title: "nav.readingHooks", permission: "integrations.manage" } },
  { path: "/intake/:id?", name: "intake", component: () => import("./intake/IntakePage.vue"), meta: { title: "nav.intake", permission: "integrations.manage" } },
  { path: "/account", name: "account", component: () => import("./views/AccountPage.vue"), meta: { title: "frame.account" } },
  { path: "/notices", name: "notices", component: () => import("./views/NoticesPage.vue"), meta: { title: "notices.title" } },
  { path: "/wall", name: "wall", component: () => import("./wall/WallView.vue"), meta: { title: "nav.wall", permission: "cases.view", bare: true, dark: true } },
  { path: "/window/map", name: "window-map", component: () => import("./wall/MapWindow.vue"), meta: { title: "frame.popMap", permission: "cases.view", bare: true } },
  { path: "/window/queue", name: "window-queue", component: () => import("./wall/QueueWindow.vue"), meta: { title: "frame.popQueue", permission: "cases.view", bare: true } },
  { path: "/window/case/:id?", name: "window-case", component: () => import("./wall/CaseWindow.vue"), meta: { title: "frame.popCase", permission: "cases.view", bare: true } },
  { path: "/:rest(.*)*", name: "missing", component: () => import("./views/MissingPage.vue"), meta: { title: "missing.title" } },
];

/** The first page that the signed-in person may see. */
export function landing(): string {
  if (!me.value) return "sign-in";
  const found = ["live", "devices", "people", "audit", "reads"].find((name) => {
    const permission = routes.find((r) => r.name === name)?.meta?.permission;
    return permission && can(permission);
  });
  return found ?? "account";
}

export const router = createRouter({ history: createWebHistory("/console/"), routes });

router.beforeEach(async (to) => {
  if (!loaded.value) await load();
  if (to.meta.open) return me.value && to.name === "sign-in" ? { name: landing() } : true;
  if (!me.value) return { name: "sign-in", query: to.redirectedFrom?.fullPath === "/" || to.fullPath === "/" ? {} : { to: to.fullPath } };
  if (to.meta.permission && !can(to.meta.permission)) return { name: "missing", params: { rest: to.path.slice(1).split("/") }, query: { needs: to.meta.permission } };
  return true;
});
