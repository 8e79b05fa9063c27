import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { defineConfig, type Plugin } from "vite";
import { app } from "../vite.common.ts";

/** Writes `sw.js`: the service worker with the list of this build's files and a version made of their content. */
function serviceWorker(): Plugin {
  return {
    name: "linli-service-worker",
    apply: "build",
    generateBundle(_, bundle) {
      const files = Object.keys(bundle).filter((name) => !name.endsWith(".map") && name !== "index.html");
      const hash = createHash("sha256");
      for (const name of files.sort()) hash.update(name);
      const html = bundle["index.html"];
      if (html && "source" in html) hash.update(html.source);
      const shell = ["./", "manifest.webmanifest", "icon.svg", ...files].map((name) => JSON.stringify(name)).join(", ");
      const source = readFileSync(new URL("./src/sw.js", import.meta.url), "utf8")
        .replace("__VERSION__", hash.digest("hex").slice(0, 12))
        .replace("[/* __FILES__ */]", `[${shell}]`);
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

const base = app("field");
export default defineConfig({ ...base, plugins: [...(base.plugins ?? []), serviceWorker()] });
