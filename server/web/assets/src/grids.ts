// The owner's grids, coloured and bordered by whether somebody answers for them. A list below says the same.
import "./grids.css";
import { ScatterChart, type ScatterSeriesOption } from "echarts/charts";
import { GeoComponent, type GeoComponentOption } from "echarts/components";
import { type ComposeOption, init, registerMap, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([ScatterChart, GeoComponent, CanvasRenderer]);
type Option = ComposeOption<GeoComponentOption | ScatterSeriesOption>;

interface Feature {
  properties: { name: string; label: string; state: string; address: string };
}
interface Drawn {
  features: Feature[];
  buildings: { code: string; name: string; at: [number, number] }[];
}
const TOKENS: Record<string, string> = { covered: "--done", thin: "--hazard", leaderless: "--urgent", outline: "--quiet" };
const MOST_LABELS = 60;

for (const area of document.querySelectorAll<HTMLElement>("[data-grid-map]")) void draw(area);

async function draw(area: HTMLElement): Promise<void> {
  const answer = await fetch(area.dataset["gridMap"] ?? "");
  const drawn = answer.ok ? ((await answer.json()) as Drawn) : null;
  if (!drawn?.features.length) {
    area.hidden = true; // nothing is drawn: the list has everything
    return;
  }
  // GeoJSON of our own making; the library's type wants its own nesting of coordinates.
  registerMap("grids", drawn as unknown as Parameters<typeof registerMap>[1]);
  const chart = init(area, null, { renderer: "canvas" });
  const addresses = new Map(drawn.features.map((one) => [one.properties.name, one.properties.address]));
  chart.on("click", (event) => {
    const address = addresses.get(event.name);
    if (address) location.assign(address);
  });
  const paint = (): void => chart.setOption(optionOf(area, drawn), true);
  paint();
  area.dataset["drawn"] = "yes";
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  new ResizeObserver(() => chart.resize()).observe(area);
}

function optionOf(area: HTMLElement, drawn: Drawn): Option {
  const style = getComputedStyle(area);
  const colour = (token: string): string => style.getPropertyValue(token).trim();
  const labels = drawn.features.length <= MOST_LABELS;
  return {
    animation: false,
    geo: {
      map: "grids",
      roam: false,
      layoutCenter: ["50%", "50%"],
      layoutSize: "95%",
      aspectScale: 0.86,
      selectedMode: false,
      itemStyle: { areaColor: colour("--card"), borderColor: colour("--line") },
      emphasis: { label: { show: false }, itemStyle: { areaColor: colour("--main"), opacity: 0.4 } },
      regions: drawn.features.map(({ properties: { name, label, state } }) => {
        const own = colour(TOKENS[state] ?? "--fault");
        const wide = state === "leaderless" ? 4 : 1.5;
        return {
          name,
          silent: state === "outline",
          label: {
            show: labels && label !== "" && state !== "outline",
            formatter: label,
            color: colour("--ink"),
            fontSize: 13,
            textBorderColor: colour("--card"),
            textBorderWidth: 3,
          },
          itemStyle: {
            areaColor: state === "outline" ? "transparent" : own,
            opacity: state in TOKENS ? 0.45 : 0.9,
            borderColor: own,
            borderWidth: wide,
            borderType: state === "thin" ? ("dashed" as const) : state in TOKENS ? ("solid" as const) : ("dotted" as const),
          },
        };
      }),
    },
    series: [
      {
        type: "scatter",
        coordinateSystem: "geo",
        silent: true,
        symbol: "rect",
        symbolSize: 12,
        itemStyle: { color: colour("--ink") },
        data: drawn.buildings.map((one) => ({
          name: one.name,
          value: one.at,
          label: { show: true, position: "bottom" as const, formatter: one.name, color: colour("--ink"), fontSize: 12 },
        })),
      },
    ],
  };
}
