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
watch([locale, router.currentRoute], () => {
  const title = router.currentRoute.value.meta["title"];
  document.title = title ? `${t(title)} · ${t("app.name")}` : t("app.name");
});
createApp(App).use(router).mount("#app");
