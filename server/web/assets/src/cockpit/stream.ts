// The list of items: what must not be comes first, then by gravity, then the oldest. Rows are kept and
// changed in place, at most a few hundred are drawn: a storm must not stop the page.
import type { Item, Store } from "./store";
import { byId, make, place, span, text } from "./texts";

const MOST_ROWS = 120;
const GRAVITY = ["life_safety", "hazard", "fault", "advice"];

// A test or a drill is listed and marked, after everything real; it is no figure and no colour on the map.
export const live = (item: Item): boolean => item.mode === "live";
export const gravity = (item: Item): number => GRAVITY.indexOf(item.class);

export function rank(one: Item, other: Item): number {
  const weigh = (item: Item): number =>
    gravity(item) * 4 + (item.concerns.length ? 0 : 1) + (item.accepted ? 1 : 0) + (live(item) ? 0 : 20) + (item.shelved ? 40 : 0);
  const trouble = (item: Item): number => (item.concerns.length && gravity(item) < 2 ? 0 : 1); // never of a drill
  return trouble(one) - trouble(other) || weigh(one) - weigh(other) || one.opened.localeCompare(other.opened);
}

interface Row {
  element: HTMLElement;
  item: Item;
  age: HTMLElement;
  next: HTMLElement;
}
const rows = new Map<string, Row>();

export function drawStream(store: Store, wanted: (item: Item) => boolean, open: (item: Item) => void, none: string): void {
  const list = byId("stream");
  const found = [...store.items.values()].filter(wanted).sort(rank);
  const shown = found.slice(0, MOST_ROWS);
  const keep = new Set(shown.map((item) => item.id));
  for (const [id, row] of rows)
    if (!keep.has(id)) {
      row.element.remove();
      rows.delete(id);
    }
  let before: Element | null = list.firstElementChild;
  for (const item of shown) {
    let row = rows.get(item.id);
    if (!row || row.item !== item) {
      const fresh = draw(item, open);
      if (row) {
        if (before === row.element) before = fresh.element;
        row.element.replaceWith(fresh.element);
      }
      rows.set(item.id, fresh);
      row = fresh;
      tick(fresh, store.now());
    }
    if (row.element === before) before = before.nextElementSibling;
    else list.insertBefore(row.element, before);
  }
  const real = found.filter(live).length;
  const exercised = found.length - real;
  byId("stream-count").textContent = exercised ? `${real} · ${text("exercised", { n: exercised })}` : String(real);
  const more = byId("stream-more");
  more.hidden = found.length > 0 && found.length <= MOST_ROWS;
  more.textContent = found.length ? text("more", { n: found.length - MOST_ROWS }) : text(none);
}

export function tickStream(now: number): void {
  for (const row of rows.values()) tick(row, now);
}

function tick(row: Row, now: number): void {
  put(row.age, span((now - Date.parse(row.item.opened)) / 1000));
  const at = row.item.next_at;
  if (at === null || row.item.next === null) {
    put(row.next, text("nothing_next"));
    return;
  }
  const left = (Date.parse(at) - now) / 1000;
  const when = left >= 0 ? text("in", { s: span(left) }) : text("late", { s: span(-left) });
  put(row.next, `${text(`due:${row.item.next}`)} · ${when}`);
}

function put(element: HTMLElement, words: string): void {
  if (element.textContent !== words) element.textContent = words;
}

function draw(item: Item, open: (item: Item) => void): Row {
  const element = make("li", `row ${item.class}`);
  if (item.concerns.length) element.classList.add("trouble");
  const button = make("button", "open") as HTMLButtonElement;
  button.type = "button";
  button.addEventListener("click", () => open(item));
  const shape = make("span", "shape", text(`shape:${item.class}`));
  shape.setAttribute("aria-hidden", "true");
  const what = make("span", "what");
  what.append(make("span", "title", text(`title:${item.kind}/${item.class}`)));
  what.append(make("span", "visually-hidden", text(`class:${item.class}`)));
  for (const mark of marks(item)) what.append(mark);
  const age = make("span", "since");
  const where = make("span", "where", place(item.where || item.device));
  const who = make("span", "who", item.owner ?? text("desk"));
  const state = item.accepted || item.state !== "new" ? text(`state:${item.state}`) : text("untaken");
  const next = make("span", "next");
  const line = make("span", "line");
  line.append(who, make("span", item.accepted ? "state" : "state open-state", state), next);
  button.append(shape, what, age, where, line);
  element.append(button);
  return { element, item, age, next };
}

function marks(item: Item): HTMLElement[] {
  const found: HTMLElement[] = [];
  const add = (kind: string, key: string): number => found.push(make("span", `mark ${kind}`, text(key)));
  if (!live(item)) add("drill", item.mode);
  for (const one of item.concerns) add("bad", `concern:${one}`);
  if (item.help) add("bad", "help");
  if (item.claimed) add("bad", "claimed");
  if (item.shelved) add("calm", "shelved");
  if (item.shelf_asked) add("calm", "shelf_asked");
  if (item.held) add("calm", "held");
  if (item.over) add("calm", "over");
  if (item.inside) found.push(make("span", "mark calm", text("inside", { n: item.inside })));
  return found;
}
