// Builds every front end that is there into ../src/linli/dist/<name>.
import { existsSync } from "node:fs";
import { build } from "vite";

for (const name of ["console", "field"]) {
  const configFile = new URL(`./${name}/vite.config.ts`, import.meta.url).pathname;
  if (existsSync(configFile)) await build({ configFile, logLevel: "warn" });
}
