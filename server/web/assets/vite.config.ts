import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    manifest: "manifest.json",
    // Phones of retirees are old: no syntax newer than this.
    target: "es2020",
    chunkSizeWarningLimit: 700, // the charts' library, on the pages that draw
    modulePreload: { polyfill: false },
    rollupOptions: { input: { pages: "src/pages.ts", trends: "src/trends.ts", cockpit: "src/cockpit.ts", report: "src/report.css", settings: "src/settings.css", places: "src/places.css", grids: "src/grids.ts", installer: "src/installer.css", hand: "src/hand.css", labels: "src/labels.css", scan: "src/scan.ts" } },
  },
});
