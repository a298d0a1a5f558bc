// The command cockpit: a wall that runs for a month, and a dispatcher's desk.
import "./cockpit.css";
import { offerDispatch, openDispatch, refreshDispatch } from "./cockpit/dispatch";
import { StreetMap } from "./cockpit/map";
import { drawPanels, offerDetails, tickAges } from "./cockpit/panels";
import { offerSound, ring } from "./cockpit/sound";
import { type Item, Store } from "./cockpit/store";
import { drawStream, gravity, live, tickStream } from "./cockpit/stream";
import { byId, readTexts, span, text } from "./cockpit/texts";

const RING_AGAIN_MS = 15_000;
const LIST_EVERY_MS = 200;
const MAP_EVERY_MS = 1_000;

readTexts();
let filter = "";
let listAt = 0;
let mapAt = 0;
let listDirty = false;
let mapDirty = false;
let rangAt = 0;
let begun = false;

const store = new Store(
  ({ changed, whole }) => {
    listDirty = mapDirty = true;
    refreshDispatch(store);
    const fresh = changed.filter((item) => live(item) && gravity(item) < 2 && !item.accepted && !heard.has(item.id));
    for (const item of fresh) heard.add(item.id);
    // What came while nobody could say so, as a server began anew, is heard of now.
    if (begun && fresh.length) sound(gravityOf(fresh));
    begun = true;
    if (whole) tick();
  },
  (names) => drawPanels(store, names),
);
const heard = new Set<string>();
const map = new StreetMap(store, () => {
  listDirty = true;
  listAt = 0;
});

function wanted(item: Item): boolean {
  if (!map.inScope(item)) return false;
  if (filter === "shelved") return item.shelved !== null;
  // As the tiles count: what is laid aside is in a figure of its own.
  return filter === "" || (item.class === filter && !item.shelved) || item.concerns.includes(filter);
}

function gravityOf(items: Item[]): number {
  return Math.min(...items.map(gravity));
}

function sound(level: number): void {
  rangAt = performance.now();
  ring(level === 0 ? 3 : 1);
}

// One place draws, once a frame at most: a burst of changes is one picture, not a thousand.
function frame(at: number): void {
  if (listDirty && at - listAt > LIST_EVERY_MS) {
    listDirty = false;
    listAt = at;
    drawStream(store, wanted, (item) => openDispatch(item, store), filter || map.narrowed ? "none_such" : "none");
    drawCounts();
  } else if (mapDirty && at - mapAt > MAP_EVERY_MS) {
    mapDirty = false;
    mapAt = at;
    map.draw(false);
  }
  requestAnimationFrame(frame);
}

function drawCounts(): void {
  const items = [...store.items.values()].filter(live);
  for (const tile of document.querySelectorAll<HTMLElement>(".tile")) {
    const { concern, class: class_ } = tile.dataset;
    const count = concern
      ? items.filter((item) => item.concerns.includes(concern)).length
      : items.filter((item) => (class_ === "shelved" ? item.shelved : item.class === class_ && !item.shelved)).length;
    const figure = tile.querySelector("b");
    if (figure) figure.textContent = String(count);
    tile.classList.toggle("bad", Boolean(concern) && count > 0);
    tile.classList.toggle("some", count > 0);
  }
}

function tick(): void {
  const now = store.now();
  byId("clock").textContent = new Date(now).toLocaleTimeString("zh-CN", { hour12: false, timeZone: "Asia/Shanghai" });
  tickStream(now);
  tickAges(store);
  const silent = store.silent || store.signedOut;
  document.body.classList.toggle("stale", silent);
  const link = byId("link");
  const words = store.signedOut
    ? text("signed_out")
    : silent
      ? text("silent", { s: span(store.silentMs() / 1000) })
      : text(store.ready ? "live" : "connecting");
  if (link.textContent !== words) link.textContent = words;
  link.classList.toggle("bad", silent);
  const crying = [...store.items.values()].some(
    (item) => live(item) && gravity(item) === 0 && !item.accepted && !item.shelved,
  );
  if (crying && performance.now() - rangAt > RING_AGAIN_MS) sound(0);
  for (const id of heard) if (!store.items.has(id)) heard.delete(id);
}

for (const tile of document.querySelectorAll<HTMLElement>(".tile"))
  tile.addEventListener("click", () => {
    const key = tile.dataset["concern"] ?? tile.dataset["class"] ?? "";
    filter = filter === key ? "" : key;
    for (const one of document.querySelectorAll<HTMLElement>(".tile"))
      one.setAttribute("aria-pressed", String((one.dataset["concern"] ?? one.dataset["class"]) === filter));
    listDirty = true;
    listAt = 0;
  });

offerSound();
offerDetails(store);
offerDispatch();
store.start();
void loadMap();
window.setInterval(tick, 1_000);
window.setInterval(() => drawPanels(store, ["canary"]), 5_000);
requestAnimationFrame(frame);

async function loadMap(): Promise<void> {
  try {
    await map.load();
  } catch {
    window.setTimeout(() => void loadMap(), 5_000);
  }
}
