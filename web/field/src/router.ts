import { createRouter, createWebHistory } from "vue-router";
import TodayScreen from "./screens/TodayScreen.vue";

export const router = createRouter({
  history: createWebHistory(import.meta.env.BASE_URL),
  routes: [
    { path: "/", component: TodayScreen },
    { path: "/task/:id", component: () => import("./screens/TaskScreen.vue"), props: true },
    { path: "/report", component: () => import("./screens/ReportScreen.vue") },
    { path: "/drafts", component: () => import("./screens/DraftsScreen.vue") },
    { path: "/forms", component: () => import("./screens/FormsScreen.vue") },
    { path: "/form/:code", component: () => import("./screens/FormScreen.vue"), props: true },
    { path: "/ask/:case/:code", component: () => import("./screens/AskScreen.vue"), props: true },
    { path: "/patrol", component: () => import("./screens/PatrolScreen.vue") },
    { path: "/board", component: () => import("./screens/BoardScreen.vue") },
    { path: "/outbox", component: () => import("./screens/OutboxScreen.vue") },
    { path: "/map", component: () => import("./screens/MapScreen.vue") },
    { path: "/me", component: () => import("./screens/MeScreen.vue") },
    { path: "/:rest(.*)*", redirect: "/" },
  ],
});
