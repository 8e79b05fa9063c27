import "@shared/styles/tokens.css";
import "@shared/styles/base.css";
import "./console.css";
import { createApp, watch } from "vue";
import { whenSignedOut } from "@shared/api/client";
import { maskKey } from "@shared/util/masks";
import { startTheme } from "@shared/util/theme";
import App from "./App.vue";
import { locale, t } from "./i18n/index";
import { router } from "./router";
import { forget } from "./session";

startTheme(() => (router.currentRoute.value.meta["dark"] ? "dark" : null));
whenSignedOut(() => {
  forget();
  const now = router.currentRoute.value;
  if (now.name !== "sign-in") void router.replace({ name: "sign-in", query: { to: now.fullPath, ended: "1" } });
});
addEventListener("keydown", (event) => maskKey(event));
/** After an upgrade an old tab asks for parts that are gone: it is loaded anew, once, at the page that was wanted. */
let wanted = location.href;
router.beforeEach((to) => void (wanted = router.resolve(to).href));
addEventListener("vite:preloadError", () => {
  if (sessionStorage.getItem("linli.renewed") === wanted) return;
  void fetch(wanted, { cache: "no-store" }).then((found) => {
    if (!found.ok) return; // not an upgrade: the service is away, and the page at hand is better than none
    sessionStorage.setItem("linli.renewed", wanted);
    location.assign(wanted);
  }, () => undefined);
});
router.afterEach((to) => void (sessionStorage.getItem("linli.renewed") === router.resolve(to).href && setTimeout(() => sessionStorage.removeItem("linli.renewed"), 10_000)));
watch([locale, router.currentRoute], () => {
  const title = router.currentRoute.value.meta["title"];
  document.title = title ? `${t(title)} · ${t("app.name")}` : t("app.name");
});
createApp(App).use(router).mount("#app");
