import "@shared/styles/tokens.css";
import "@shared/styles/base.css";
import "./field.css";
import { startTheme } from "@shared/util/theme";
import { createApp } from "vue";
import App from "./App.vue";
import { askToPersist } from "./offline/db";
import { startPump } from "./offline/outbox";
import { router } from "./router";
import { startSession } from "./session";

/** A tab that outlived an upgrade asks for files that are gone: it begins anew, once. */
const AGAIN = "linli.begun-anew";
addEventListener("vite:preloadError", (event) => {
  if (!navigator.onLine || Date.now() - Number(sessionStorage.getItem(AGAIN) ?? 0) < 60_000) return;
  event.preventDefault();
  sessionStorage.setItem(AGAIN, String(Date.now()));
  location.reload();
});

startTheme();
startPump();
void startSession();
void askToPersist();
if ("serviceWorker" in navigator && import.meta.env.PROD) {
  void navigator.serviceWorker.register(`${import.meta.env.BASE_URL}sw.js`, { scope: import.meta.env.BASE_URL });
}
createApp(App).use(router).mount("#app");
