// A curve drawn by ECharts. The server has already put a small picture and a table into the page: where
// this script does not run, or the figures do not come, both stay.
import "./trends.css";
import { LineChart, type LineSeriesOption } from "echarts/charts";
import {
  DataZoomComponent,
  type DataZoomComponentOption,
  GridComponent,
  type GridComponentOption,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
  type TooltipComponentOption,
} from "echarts/components";
import { type ComposeOption, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, GridComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent, DataZoomComponent, CanvasRenderer]);

type Option = ComposeOption<
  LineSeriesOption | GridComponentOption | TooltipComponentOption | DataZoomComponentOption
>;
type Value = number | null;

interface Trend {
  series: { unit: string };
  since: string;
  until: string;
  span_s: number;
  at: string[];
  low: Value[];
  mean: Value[];
  high: Value[];
  limits: { value: number; class: string; stage: number }[];
  hold_s: number | null;
  classes: { value: number; name: string }[];
  alarms: { since: string; until: string | null; class: string; mode: string }[];
}

interface Range {
  min: number;
  max: number;
}

interface Colours {
  ink: string;
  quiet: string;
  line: string;
  main: string;
  urgent: string;
  hazard: string;
  water: string;
}

for (const area of document.querySelectorAll<HTMLElement>("[data-trend]")) void draw(area);

async function draw(area: HTMLElement): Promise<void> {
  try {
    const answer = await fetch(area.dataset["trend"] ?? "", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    show(area, (await answer.json()) as Trend);
  } catch {
    const problem = area.parentElement?.querySelector(".chart-problem");
    if (problem) problem.textContent = area.dataset["failed"] ?? "";
  }
}

function show(area: HTMLElement, trend: Trend): void {
  area.replaceChildren();
  const chart = init(area, null, { renderer: "canvas" });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = (): void => chart.setOption(optionOf(trend, area.dataset, coloursOf(area)), true);
  paint();
  area.dataset["drawn"] = "yes";
  dark.addEventListener("change", paint);
  new ResizeObserver(() => chart.resize()).observe(area);
}

function coloursOf(area: HTMLElement): Colours {
  const style = getComputedStyle(area);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ink: read("--ink"),
    quiet: read("--quiet"),
    line: read("--line"),
    main: read("--main"),
    urgent: read("--urgent"),
    hazard: read("--hazard"),
    water: read("--done"),
  };
}

function optionOf(trend: Trend, words: DOMStringMap, colours: Colours): Option {
  // Times are shown by the clock of the street, wherever the browser stands: moved, and read as UTC.
  const offset = Number(words["offsetMs"] ?? "0");
  const moment = (at: string): number => Date.parse(at) + offset;
  const at = trend.at.map(moment);
  const end = moment(trend.until);
  const pairs = (values: Value[]): [number, Value][] => withGaps(at, values, trend, end);
  const spread = trend.high.map((high, n) => difference(high, trend.low[n] ?? null));
  return {
    useUTC: true,
    animation: false,
    textStyle: { color: colours.ink, fontFamily: "inherit" },
    grid: { left: 12, right: 88, top: 24, bottom: 64, containLabel: true },
    tooltip: { trigger: "axis", renderMode: "richText", valueFormatter: (value) => figure(value) },
    dataZoom: [{ type: "inside" }, { type: "slider", height: 22, bottom: 12 }],
    xAxis: {
      type: "time",
      min: moment(trend.since),
      max: end,
      axisLabel: { color: colours.quiet, hideOverlap: true },
      axisLine: { lineStyle: { color: colours.line } },
    },
    yAxis: {
      type: "value",
      scale: true,
      min: (range: Range) => beyond(trend, range).low,
      max: (range: Range) => beyond(trend, range).high,
      axisLabel: { color: colours.quiet, formatter: (value: number) => figure(value) },
      splitLine: { lineStyle: { color: colours.line, opacity: 0.5 } },
    },
    series: [
      { ...plain(words["low"] ?? "", pairs(trend.low), colours.quiet), stack: "band", stackStrategy: "all" },
      {
        ...plain(words["high"] ?? "", pairs(spread), colours.hazard),
        stack: "band",
        stackStrategy: "all",
        areaStyle: { color: colours.main, opacity: 0.22 },
        tooltip: { valueFormatter: (_value, index) => figure(pairs(trend.high)[index as number]?.[1]) },
      },
      {
        type: "line",
        name: words["mean"] ?? "",
        data: pairs(trend.mean),
        ...(isHeld(trend) ? { step: "end" as const } : {}),
        symbol: "circle",
        symbolSize: 5,
        showSymbol: at.length < 3,
        lineStyle: { color: colours.main, width: 2 },
        itemStyle: { color: colours.main },
        markLine: markLines(trend, words, colours),
        markArea: {
          silent: true,
          itemStyle: { color: colours.urgent, opacity: 0.14 },
          label: { color: colours.urgent },
          data: trend.alarms.map((alarm) => [
            { name: words["alarm"] ?? "", xAxis: Math.max(moment(alarm.since), moment(trend.since)) },
            { xAxis: alarm.until === null ? end : Math.min(moment(alarm.until), end) },
          ]),
        },
      },
    ],
  };
}

function nameOf(stage: number, words: DOMStringMap): string {
  return stage > 0 ? (words["stage"] ?? "").replace("#", String(stage)) : (words["limit"] ?? "");
}

// What a person sees as limits: those of rules, and the classes of a river.
function markLines(trend: Trend, words: DOMStringMap, colours: Colours): LineSeriesOption["markLine"] {
  const limit = (value: number, name: string, color: string): object => ({
    yAxis: value,
    lineStyle: { color, type: "dashed", width: 1.5 },
    label: { formatter: `${name} ${figure(value)}`, color, position: "end" },
  });
  return {
    silent: true,
    symbol: "none",
    data: [
      ...trend.limits.map((one) => limit(one.value, nameOf(one.stage, words), colours.urgent)),
      ...trend.classes.map((one) => limit(one.value, one.name, colours.water)),
    ] as { yAxis: number }[],
  };
}

function plain(name: string, data: [number, Value][], color: string): LineSeriesOption {
  return { type: "line", name, data, symbol: "none", itemStyle: { color }, lineStyle: { opacity: 0 } };
}

// A value that is sent less often than the spans are long stands until the next: steps, no slopes.
function isHeld(trend: Trend): boolean {
  return trend.hold_s !== null && trend.hold_s > trend.span_s;
}

// The axis reaches what alarms are measured by, and the next class of a river; a class far away need not
// squeeze the curve. Null leaves the end of the axis to the library, which takes a round number.
function beyond(trend: Trend, range: Range): { low: number | null; high: number | null } {
  const classes = trend.classes.map((one) => one.value);
  const limits = trend.limits.map((one) => one.value);
  const above = Math.min(...classes.filter((one) => one > range.max));
  const below = Math.max(...classes.filter((one) => one < range.min));
  const high = Math.max(...limits, above <= 2 * range.max ? above : -Infinity);
  const low = Math.min(...limits, below >= range.min / 2 ? below : Infinity);
  return { low: low < range.min ? low : null, high: high > range.max ? high * 1.04 : null };
}

// A value is held until the next must have come; where that did not come the line is broken, not drawn on.
// A gateway that does not tell how often it sends is judged by how often it did.
function withGaps(at: number[], values: Value[], trend: Trend, end: number): [number, Value][] {
  const span = trend.span_s * 1000;
  const hold = trend.hold_s;
  const usual = hold === null ? typical(at, span) : Math.max(hold * 1000, span);
  const longest = hold === null ? 4 * usual : 2 * usual + span;
  const found: [number, Value][] = [];
  at.forEach((moment, n) => {
    const before = at[n - 1];
    if (before !== undefined && moment - before > longest) {
      if (hold !== null) found.push([before + usual, values[n - 1] ?? null]);
      found.push([before + usual + 1, null]);
    }
    found.push([moment, values[n] ?? null]);
  });
  const last = at[at.length - 1];
  if (hold !== null && last !== undefined) {
    found.push([Math.min(last + usual, end), values[at.length - 1] ?? null]);
  }
  return found;
}

function typical(at: number[], span: number): number {
  const steps = at.slice(1).map((moment, n) => moment - (at[n] ?? moment));
  steps.sort((one, other) => one - other);
  return Math.max(span, steps[Math.floor(steps.length * 0.9)] ?? span);
}

function difference(high: Value, low: Value): Value {
  return high === null || low === null ? null : high - low;
}

function figure(value: unknown): string {
  return typeof value === "number" ? String(Number(value.toPrecision(4))) : "–";
}
