import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    manifest: "manifest.json",
    // Phones of retirees are old: no syntax newer than this.
    target: "es2020",
    modulePreload: { polyfill: false },
    rollupOptions: { input: { pages: "src/pages.ts" } },
  },
});
