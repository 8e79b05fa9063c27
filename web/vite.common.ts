import vue from "@vitejs/plugin-vue";
import { fileURLToPath } from "node:url";
import type { UserConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The build of one front end. In development, everything that is not the front end goes to a running district. */
export function app(name: "console" | "field"): UserConfig {
  const district = process.env["LINLI_DEV_DISTRICT"] ?? "http://127.0.0.1:21080";
  const proxy = Object.fromEntries(
    ["/api", "/live", "/media", "/static"].map((path) => [path, { target: district, changeOrigin: false, secure: false }]),
  );
  return {
    root: here(`./${name}/`),
    base: `/${name}/`,
    plugins: [vue()],
    resolve: { alias: { "@shared": here("./shared") } },
    worker: { format: "es" },
    server: { proxy, port: name === "console" ? 21173 : 21174, strictPort: true, host: "127.0.0.1" },
    build: {
      outDir: here(`../src/linli/dist/${name}`),
      emptyOutDir: true,
      target: "es2022",
      sourcemap: false,
      chunkSizeWarningLimit: 1400,
      reportCompressedSize: false,
    },
  };
}
