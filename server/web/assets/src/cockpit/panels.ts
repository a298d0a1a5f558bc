// The figures: one large number, two or three lines, the rest behind the panel's title.
import type { Figures, Store } from "./store";
import { byId, make, place, span, text } from "./texts";

type Row = Record<string, unknown>;
const num = (value: unknown): number => (typeof value === "number" ? value : 0);
const list = (value: unknown): Row[] => (Array.isArray(value) ? (value as Row[]) : []);
const took = (value: unknown): string => (typeof value === "number" ? span(value) : "–");
const percent = (value: unknown): string =>
  typeof value === "number" ? `${(value * 100).toFixed(1)}%` : "–";
const ago = (at: unknown, now: number): number => (now - Date.parse(String(at))) / 1000;

// By the street's time, whatever zone it was written in.
const moment = (at: string): string =>
  new Date(at).toLocaleString("sv-SE", { timeZone: "Asia/Shanghai" }).slice(0, 16);

function figure(value: string, label: string, bad = false): HTMLElement {
  const made = make("p", bad ? "figure bad" : "figure");
  made.append(make("b", "", value), make("span", "", label));
  return made;
}
function line(label: string, value: string, bad = false): HTMLElement {
  const made = make("p", bad ? "line bad" : "line");
  made.append(make("span", "", label), make("b", "", value));
  return made;
}
function table(heads: string[], rows: string[][]): HTMLElement {
  const made = make("table");
  const head = made.appendChild(make("thead")).appendChild(make("tr"));
  for (const one of heads) {
    const cell = make("th", "", one);
    cell.setAttribute("scope", "col");
    head.append(cell);
  }
  const body = made.appendChild(make("tbody"));
  for (const row of rows) {
    const tr = body.appendChild(make("tr"));
    for (const cell of row) tr.append(make("td", "", cell));
  }
  return made;
}

type Draw = (data: Figures, now: number) => HTMLElement[];

const CARDS: Record<string, Draw> = {
  canary: (data, now) => {
    const failing = data["failing"];
    const age = data["arrived_at"] ? span(ago(data["arrived_at"], now)) : "–";
    if (failing) return [figure(age, text(`canary:${String(failing)}`), true)];
    return [figure(age, text(data["arrived_at"] ? "canary_ok" : "never"))];
  },
  gateways: (data) => {
    const silent = num(data["silent_count"]);
    const online = num(data["total"]) - silent - num(data["never"]);
    return [
      figure(String(online), `${text("online")} ${text("of", { s: "", n: num(data["total"]) })}`),
      line(text("silent_gateways"), String(silent), silent > 0),
      line(text("queue_alarms"), String(num(data["alarms_waiting"])), num(data["alarms_waiting"]) > 0),
      line(text("queue_readings"), String(num(data["readings_waiting"]))),
    ];
  },
  channels: (data) => {
    const rows = list(data["channels"]);
    if (!rows.length) return [figure("–", text("no_data"))];
    const sum = (key: string): number => rows.reduce((all, row) => all + num(row[key]), 0);
    const failed = sum("failed");
    const failing: unknown[] = Array.isArray(data["failing"]) ? data["failing"] : [];
    return [
      figure(String(sum("sent")), text("sent")),
      line(text("delivered"), String(sum("delivered"))),
      line(text("failed"), String(failed), failed > 0),
      line(text("waiting"), String(sum("waiting"))),
      ...failing.map((one) => line(text(`channel:${String(one)}`), text("channel_failing"), true)),
    ];
  },
  roster: (data, now) => {
    if (!data["proved_at"]) return [figure("–", text("not_proved"), true)];
    const thin = num(data["thin_grids"]);
    return [
      figure(percent(data["covered"]), text("thin", { n: thin }), thin > 0),
      make("p", "small", text("proved", { s: span(ago(data["proved_at"], now)) })),
    ];
  },
  devices: (data) => [
    figure(String(num(data["total"])), text("total")),
    line(text("device_silent"), String(num(data["silent"])), num(data["silent"]) > 0),
    line(text("device_battery"), String(num(data["batteries"]))),
    line(text("device_ended"), String(num(data["ended"])), num(data["ended"]) > 0),
  ],
  times: (data) => [
    make("p", "small", text("accept_head")),
    ...list(data["classes"]).map((row) => line(text(`class:${String(row["class"])}`), `${took(row["accept_median_s"])} / ${took(row["accept_p90_s"])}`)),
  ],
  false_alarms: (data) => {
    const closed = num(data["closed"]);
    if (!closed) return [figure("–", text("no_data"))];
    const worst = list(data["models"])[0];
    return [
      figure(percent(num(data["false"]) / closed), text("of", { s: String(num(data["false"])), n: closed })),
      ...(worst ? [line(String(worst["name"] || text("unnamed")), `${String(worst["false"])} / ${String(worst["closed"])}`)] : []),
    ];
  },
  noisy: (data) => {
    const rows = list(data["sources"]);
    if (!rows.length) return [figure("–", text("no_data"))];
    return rows.slice(0, 3).map((row) => line(`${place(String(row["where"]))} ${place(String(row["name"]))}`, String(row["count"])));
  },
};

const DETAILS: Record<string, Draw> = {
  times: (data) => [
    table(
      ["", `${text("accept")} · ${text("median")}`, text("p90"), `${text("close")} · ${text("median")}`, text("p90")],
      list(data["classes"]).map((row) => [
        text(`class:${String(row["class"])}`),
        took(row["accept_median_s"]), took(row["accept_p90_s"]), took(row["close_median_s"]), took(row["close_p90_s"]),
      ]),
    ),
  ],
  false_alarms: (data) =>
    (["models", "places"] as const).flatMap((key) => [
      make("h3", "", text(key === "models" ? "by_model" : "by_place")),
      table(["", "", ""], list(data[key]).map((row) => [
        String(row["name"] || text("unnamed")),
        `${String(row["false"])} / ${String(row["closed"])}`,
        percent(num(row["false"]) / Math.max(1, num(row["closed"]))),
      ])),
    ]),
  noisy: (data) => [
    line(`${text("top_ten")} · ${text("share")}`, percent(
      list(data["sources"]).reduce((all, row) => all + num(row["count"]), 0) / Math.max(1, num(data["total"])),
    )),
    table(["", "", ""], list(data["sources"]).map((row) => [place(String(row["where"])), place(String(row["name"])), String(row["count"])])),
  ],
  devices: (data) =>
    (
      [
        ["total", "total"], ["silent", "device_silent"], ["faulty", "device_faulty"], ["unheard", "device_unheard"],
        ["batteries", "device_battery"], ["ended", "device_ended"], ["ending", "device_ending"],
        ["test_overdue", "device_test"], ["unassigned", "device_strangers"],
      ] as const
    ).map(([key, label]) => line(text(label), String(num(data[key])))),
  gateways: (data, now) => [
    line(text("shed"), String(num(data["shed"]))),
    line(text("volatile"), String(num(data["volatile"])), num(data["volatile"]) > 0),
    table([text("silent_gateways"), ""], list(data["silent"]).map((row) => [String(row["name"]), text("age", { s: span(ago(row["heard_at"], now)) })])),
    table([text("waiting"), text("queue_alarms"), text("queue_readings")], list(data["queues"]).map((row) => {
      const lanes = row["lanes"] as Row;
      return [String(row["name"]), String(num(lanes["alarms"])), String(num(lanes["readings"]))];
    })),
  ],
  channels: (data) => [
    table(
      ["", text("sent"), text("delivered"), text("read"), text("failed"), text("waiting"), text("delay")],
      list(data["channels"]).map((row) => [
        text(`channel:${String(row["channel"])}`), String(row["sent"]), String(row["delivered"]), String(row["read"]),
        String(row["failed"]), String(row["waiting"]), took(row["delay_median_s"]),
      ]),
    ),
  ],
  roster: (data) => [
    table(
      [text("gap_grid"), text("gap_from"), text("gap_least")],
      list(data["gaps"]).map((row) => [String(row["name"]), moment(String(row["begins_at"])), String(row["least"])]),
    ),
  ],
};

export function drawPanels(store: Store, names: string[]): void {
  for (const name of names) {
    const card = document.querySelector<HTMLElement>(`[data-panel="${name}"] .body`);
    const data = store.panels[name];
    const draw = CARDS[name];
    if (card && data && draw) card.replaceChildren(...draw(data, store.now()));
  }
}

export function offerDetails(store: Store): void {
  const dialog = byId<HTMLDialogElement>("details");
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-details]"))
    button.addEventListener("click", () => {
      const name = button.dataset["details"] ?? "";
      const data = store.panels[name];
      byId("details-title").textContent = button.textContent;
      const draw = DETAILS[name] ?? CARDS[name];
      dialog.querySelector(".scroll")?.replaceChildren(...(data && draw ? draw(data, store.now()) : [make("p", "", text("no_data"))]));
      dialog.showModal();
    });
}

// Each panel says how old it is; one that is older than it should be says so in red.
export function tickAges(store: Store): void {
  for (const one of document.querySelectorAll<HTMLElement>("[data-age]")) {
    const name = one.dataset["age"] ?? "";
    const data = store.panels[name];
    const seconds = name === "items" ? store.silentMs() / 1000 : data ? ago(data.at, store.now()) : null;
    const most = name === "items" ? 10 : (data?.every_s ?? 0) * 2 + 10;
    const words = seconds === null || !store.ready ? "–" : text("age", { s: span(seconds) });
    if (one.textContent !== words) one.textContent = words;
    one.classList.toggle("old", seconds === null || seconds > most);
  }
}
