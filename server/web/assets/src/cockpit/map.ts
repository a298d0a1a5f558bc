// The owner's own boundaries, coloured by what is open, with a shape and a number on each: colour is never
// the only sign. What a person can do on the map they can do in the list below it, by keyboard.
import { ScatterChart, type ScatterSeriesOption } from "echarts/charts";
import { GeoComponent, type GeoComponentOption } from "echarts/components";
import { type ComposeOption, type EChartsType, init, registerMap, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import type { Item, Store } from "./store";
import { gravity, live, rank } from "./stream";
import { byId, make, text } from "./texts";

use([ScatterChart, GeoComponent, CanvasRenderer]);
type Option = ComposeOption<GeoComponentOption | ScatterSeriesOption>;

interface Feature {
  type: "Feature";
  geometry: { type: string; coordinates: unknown } | null;
  properties: { name: string; label: string; kind: string; community: string; parent: string | null };
}
interface Places {
  features: Feature[];
  communities: { code: string; name: string; area: string | null }[];
  above: Record<string, string>;
}
interface Building {
  code: string;
  name: string;
  longitude: number | null;
  latitude: number | null;
  devices: number;
}
export interface Scope {
  community: string | null;
  grid: string | null;
  building: string | null;
}

const SYMBOLS = ["triangle", "diamond", "rect", "circle"];
const MOST_PLACES = 40;
const CROWDED = 200; // shapes, from where a shape is about ten pixels wide

export class StreetMap {
  scope: Scope = { community: null, grid: null, building: null };
  private places: Places = { features: [], communities: [], above: {} };
  private shapes = new Map<string, Feature>();
  private names = new Map<string, string>();
  private centres = new Map<string, [number, number]>();
  private chart: EChartsType | null = null;
  private buildings: Building[] = [];
  private schematic = false;
  private registered = "";

  constructor(
    private readonly store: Store,
    private readonly onScope: () => void,
  ) {}

  async load(): Promise<void> {
    const answer = await fetch("/api/v1/cockpit/map");
    if (!answer.ok) throw new Error(`map: ${answer.status}`);
    this.places = (await answer.json()) as Places;
    for (const one of this.places.communities) this.names.set(one.code, one.name);
    this.schematic = this.places.features.length > 0 && this.places.features.every((one) => !one.geometry);
    if (this.schematic) layOut(this.places.features);
    for (const one of this.places.features) {
      this.names.set(one.properties.name, one.properties.label);
      this.shapes.set(one.properties.name, one);
      const centre = centreOf(one);
      if (centre) this.centres.set(one.properties.name, centre);
    }
    const area = byId("map");
    this.chart = init(area, null, { renderer: "canvas" });
    this.chart.on("click", (event) => this.clicked(event.name));
    new ResizeObserver(() => this.chart?.resize()).observe(area);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw(true));
    this.note();
    this.draw(true);
  }

  get narrowed(): boolean {
    return this.scope.community !== null;
  }

  inScope(item: Item): boolean {
    const { community, grid, building } = this.scope;
    if (building) return item.building === building;
    if (grid) return this.isIn(item.grid, grid);
    return community === null || item.community === community;
  }

  private isIn(code: string | null, wanted: string): boolean {
    for (let at = code, n = 0; at && n < 4; at = this.places.above[at] ?? null, n++) if (at === wanted) return true;
    return false;
  }

  private clicked(name: string): void {
    const found = this.shapes.get(name);
    if (!found) {
      if (this.buildings.some((one) => one.code === name)) this.go({ ...this.scope, building: name });
      return;
    }
    const community = found.properties.community;
    if (this.scope.community === null) this.go({ community, grid: null, building: null });
    else this.go({ community, grid: name, building: null });
  }

  private go(scope: Scope): void {
    const grid = scope.grid !== this.scope.grid ? scope.grid : null;
    if (scope.grid === null) this.buildings = [];
    this.scope = scope;
    if (grid) void this.loadBuildings(grid);
    this.onScope();
    this.draw(true);
  }

  private async loadBuildings(grid: string): Promise<void> {
    this.buildings = [];
    try {
      const answer = await fetch(`/api/v1/cockpit/grids/${encodeURIComponent(grid)}/buildings`);
      if (!answer.ok || this.scope.grid !== grid) return;
      this.buildings = (await answer.json()) as Building[];
      for (const one of this.buildings) this.names.set(one.code, one.name);
      this.draw(true);
    } catch {
      return; // the list of items is there all the same
    }
  }

  draw(whole: boolean): void {
    if (whole) this.drawPath();
    const by = this.gather();
    this.drawList(by);
    this.drawShapes(by);
  }

  // Real open items by the place one level below what is shown, the gravest first.
  private gather(): Map<string, Item[]> {
    const by = new Map<string, Item[]>();
    for (const item of this.store.items.values()) {
      if (!live(item) || !this.inScope(item)) continue;
      const { community, grid } = this.scope;
      const place = (grid ? item.building : community === null ? item.community : item.grid) ?? "";
      const kept = by.get(place);
      if (kept) kept.push(item);
      else by.set(place, [item]);
    }
    return by;
  }

  private drawPath(): void {
    const { community, grid, building } = this.scope;
    const steps: [string, Scope][] = [[text("street"), { community: null, grid: null, building: null }]];
    const name = (code: string): string => this.names.get(code) ?? code;
    if (community) steps.push([name(community), { community, grid: null, building: null }]);
    if (grid) steps.push([name(grid), { community, grid, building: null }]);
    if (building) steps.push([name(building), { community, grid, building }]);
    byId("path").replaceChildren(
      ...steps.map(([label, scope], n) => {
        const button = make("button", "step", label) as HTMLButtonElement;
        button.type = "button";
        if (n === steps.length - 1) button.setAttribute("aria-current", "location");
        button.addEventListener("click", () => this.go(scope));
        return button;
      }),
    );
  }

  private drawList(by: Map<string, Item[]>): void {
    const found = [...by].map(([code, items]): [string, Item[]] => [code, items.sort(rank)]);
    found.sort((one, other) => rank(one[1][0] as Item, other[1][0] as Item) || other[1].length - one[1].length);
    const rows = found.slice(0, MOST_PLACES).map(([code, items]) => {
      const worst = items.reduce((a, b) => (gravity(b) < gravity(a) ? b : a));
      const row = make("li", worst.class);
      const button = make("button") as HTMLButtonElement;
      button.type = "button";
      button.disabled = code === "" || code === this.scope.building;
      const shape = make("span", "shape", text(`shape:${worst.class}`));
      shape.setAttribute("aria-hidden", "true");
      const name = code === "" ? text("elsewhere") : (this.names.get(code) ?? code);
      button.append(shape, make("span", "name", name), make("b", "", String(items.length)));
      button.append(make("span", "visually-hidden", text(`class:${worst.class}`)));
      button.addEventListener("click", () => this.down(code));
      row.append(button);
      return row;
    });
    if (!rows.length) rows.push(make("li", "empty", text("none_here")));
    const list = byId("places");
    const focused = list.contains(document.activeElement)
      ? [...list.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement)
      : -1;
    list.replaceChildren(...rows);
    if (focused >= 0) list.querySelectorAll("button")[focused]?.focus();
  }

  private down(code: string): void {
    const { community, grid } = this.scope;
    if (community === null) this.go({ community: code, grid: null, building: null });
    else if (grid === null) this.go({ community, grid: code, building: null });
    else this.go({ community, grid, building: code });
  }

  private shown(): Feature[] {
    const { community, grid } = this.scope;
    const usable = this.places.features.filter((one) => one.geometry);
    if (community === null) return usable;
    const ours = usable.filter((one) => one.properties.community === community);
    const inside = grid ? ours.filter((one) => this.isIn(one.properties.name, grid)) : ours;
    return inside.length ? inside : ours.length ? ours : usable;
  }

  private drawShapes(by: Map<string, Item[]>): void {
    const chart = this.chart;
    const features = this.shown();
    if (!chart || !features.length) return;
    const name = `${this.scope.community ?? ""}/${this.scope.grid ?? ""}`;
    const fresh = this.registered !== name;
    if (fresh) {
      // GeoJSON of our own making; the library's type wants its own nesting of coordinates.
      registerMap(name, { type: "FeatureCollection", features } as unknown as Parameters<typeof registerMap>[1]);
      this.registered = name;
    }
    const style = getComputedStyle(document.body);
    const colour = (token: string): string => style.getPropertyValue(token).trim();
    // Letters and marks grow with the screen, as all others do.
    const letter = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
    const crowded = features.length > CROWDED;
    const colours = ["--urgent", "--hazard", "--fault", "--advice"].map(colour);
    const grids = this.scope.grid ? by : this.byGrid();
    const worst = new Map<string, [number, number, boolean]>();
    for (const [code, items] of grids) {
      const level = Math.min(...items.map(gravity));
      worst.set(code, [level, items.length, items.some((item) => item.concerns.length > 0)]);
    }
    const points = this.scope.grid ? this.buildingPoints(worst) : this.gridPoints(worst);
    const option: Option = {
      animation: false,
      geo: {
        map: name,
        roam: false,
        layoutCenter: ["50%", "50%"],
        layoutSize: "97%", // of the smaller side: the owner's shapes are not stretched
        aspectScale: this.schematic ? 1 : 0.86,
        selectedMode: false,
        label: { show: false },
        itemStyle: { areaColor: colour("--land"), borderColor: colour("--edge"), borderWidth: 0.8 },
        emphasis: { label: { show: false }, itemStyle: { areaColor: colour("--land-on") } },
        regions: this.scope.grid
          ? []
          : [...worst].map(([code, [level, , bad]]) => ({
              name: code,
              itemStyle: {
                areaColor: colours[level] ?? colour("--land"),
                opacity: bad ? 1 : 0.75,
                borderColor: bad ? colour("--ink") : colour("--edge"),
                borderWidth: bad ? 2 : 0.8,
              },
            })),
      },
      series: [
        {
          type: "scatter",
          coordinateSystem: "geo",
          silent: false,
          data: points.map(([code, at, level, count]) => ({
            name: code,
            value: at,
            symbol: SYMBOLS[level] ?? "circle",
            symbolSize: letter * (crowded ? 0.4 : 1.2),
            itemStyle: {
              color: level < 4 && this.scope.grid ? (colours[level] ?? "") : colour(level < 4 ? "--card" : "--quiet"),
              borderColor: colour("--card"),
              borderWidth: crowded ? 0 : 1.5,
            },
            label: {
              show: !crowded,
              position: "bottom" as const,
              formatter: this.scope.grid ? `${this.names.get(code) ?? ""} ${count || ""}` : `${count}`,
              color: colour("--ink"),
              fontSize: letter * 0.85,
              fontWeight: 700 as const,
              textBorderColor: colour("--card"),
              textBorderWidth: 3,
            },
          })),
        },
      ],
    };
    chart.setOption(option, { notMerge: fresh, replaceMerge: fresh ? [] : ["series"] });
    byId("map").dataset["drawn"] = "yes";
    byId("map").dataset["marked"] = `${worst.size}`;
  }

  private byGrid(): Map<string, Item[]> {
    const by = new Map<string, Item[]>();
    for (const item of this.store.items.values()) {
      if (!item.grid || !live(item) || !this.inScope(item)) continue;
      const kept = by.get(item.grid);
      if (kept) kept.push(item);
      else by.set(item.grid, [item]);
    }
    return by;
  }

  private gridPoints(worst: Map<string, [number, number, boolean]>): [string, [number, number], number, number][] {
    return [...worst].flatMap(([code, [level, count]]) => {
      const at = this.centres.get(code);
      return at ? [[code, at, level, count] as [string, [number, number], number, number]] : [];
    });
  }

  private buildingPoints(worst: Map<string, [number, number, boolean]>): [string, [number, number], number, number][] {
    return this.buildings.flatMap((one) => {
      if (one.longitude === null || one.latitude === null) return [];
      const [level, count] = worst.get(one.code) ?? [4, 0];
      return [[one.code, [one.longitude, one.latitude], level, count] as [string, [number, number], number, number]];
    });
  }

  private note(): void {
    const without = this.places.features.filter((one) => !one.geometry).length;
    const note = byId("map-note");
    note.hidden = !this.schematic && without === 0;
    note.textContent = this.schematic ? text("schematic") : text("unbounded", { n: without });
  }
}

// Where the owner has given no boundaries at all: one square a grid, communities side by side.
function layOut(features: Feature[]): void {
  const communities = new Map<string, Feature[]>();
  for (const one of features) {
    const kept = communities.get(one.properties.community);
    if (kept) kept.push(one);
    else communities.set(one.properties.community, [one]);
  }
  const across = Math.ceil(Math.sqrt(communities.size));
  const side = Math.ceil(Math.sqrt(Math.max(...[...communities.values()].map((one) => one.length))));
  [...communities.values()].forEach((grids, c) => {
    grids.forEach((one, g) => {
      const x = (c % across) * (side + 1) + (g % side);
      const y = -Math.floor(c / across) * (side + 1) - Math.floor(g / side);
      const ring = [[x, y], [x + 0.92, y], [x + 0.92, y + 0.92], [x, y + 0.92], [x, y]];
      one.geometry = { type: "Polygon", coordinates: [ring] };
    });
  });
  // A schematic street is small on the map of the world, where the library would bend it.
  for (const one of features) scale(one.geometry);
}

function scale(geometry: Feature["geometry"]): void {
  const ring = (geometry?.coordinates as number[][][] | undefined)?.[0];
  for (const at of ring ?? []) {
    at[0] = (at[0] ?? 0) / 100;
    at[1] = (at[1] ?? 0) / 100;
  }
}

function centreOf(feature: Feature): [number, number] | null {
  const rings: number[][][] = [];
  const geometry = feature.geometry;
  if (!geometry) return null;
  if (geometry.type === "Polygon") rings.push(((geometry.coordinates as number[][][])[0] ?? []));
  else for (const one of geometry.coordinates as number[][][][]) rings.push(one[0] ?? []);
  const points = rings.flat();
  if (!points.length) return null;
  const xs = points.map((at) => at[0] ?? 0);
  const ys = points.map((at) => at[1] ?? 0);
  return [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2];
}
