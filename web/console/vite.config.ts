import { defineConfig } from "vite";
import { app } from "../vite.common.ts";

export default defineConfig(app("console"));
