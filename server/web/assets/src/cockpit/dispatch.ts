// What the dispatcher does from the wall: take, widen, give, lay aside, order, exercise. Every press says what
// became of it; nothing closes by itself.
import { offerDrill } from "./drill";
import { ask, give, say, send, Unanswered } from "./order";
import type { Item, Store } from "./store";
import { live } from "./stream";
import { byId, make, place, text } from "./texts";

interface Callee { code: string; name: string; phone: string | null; owner: boolean }
interface Receiver { code: string; name: string; role: string | null; on_duty: boolean; namesake: boolean }
interface Dispatch { gateway: string; device: string; told: Callee[]; people: Receiver[] }

let shown: { item: Item; dispatch: Dispatch | null; loading: Promise<void> } | null = null;

const formOf = (): HTMLFormElement => byId<HTMLFormElement>("dispatch-form");
const receiverField = (): HTMLSelectElement => formOf().elements.namedItem("to") as HTMLSelectElement;

export function openDispatch(item: Item, store: Store): void {
  // A reason that was written about one item is never sent with another.
  if (shown?.item.id !== item.id) {
    formOf().reset();
    receiverField().replaceChildren();
  }
  shown = { item, dispatch: null, loading: load(item) };
  const title = text(`title:${item.kind}/${item.class}`);
  byId("dispatch-title").textContent = live(item) ? title : `${title} · ${text(item.mode)}`;
  byId("dispatch-where").textContent = `${place(item.where)} · ${place(item.device)}`;
  byId("dispatch-said").textContent = "";
  const page = `/desk/items/${encodeURIComponent(item.id)}`;
  byId<HTMLAnchorElement>("dispatch-page").href = page;
  byId<HTMLAnchorElement>("dispatch-orders").href = `${page}#orders`;
  byId("callees").replaceChildren();
  byId<HTMLDialogElement>("dispatch").showModal();
  refreshDispatch(store);
}

// Who has it and where it stands, as long as the window is open: somebody else may be quicker.
export function refreshDispatch(store: Store): void {
  if (!shown || !byId<HTMLDialogElement>("dispatch").open) return;
  shown.item = store.items.get(shown.item.id) ?? shown.item;
  const { item } = shown;
  const who = item.owner ?? text("desk");
  const state = item.accepted || item.state !== "new" ? text(`state:${item.state}`) : text("untaken");
  const words = store.items.has(item.id) ? [who, state, item.shelved ? text("shelved") : ""].filter(Boolean).join(" · ") : text("gone");
  if (byId("dispatch-now").textContent !== words) say("dispatch-now", words);
}

// What comes late is of the item that it was asked of, and is not said of another one.
const isShown = (item?: Item): boolean => item !== undefined && shown?.item.id === item.id;

async function load(item: Item): Promise<void> {
  try {
    const dispatch = (await ask(`/api/v1/cockpit/items/${encodeURIComponent(item.id)}`)) as unknown as Dispatch;
    if (!shown || !isShown(item)) return;
    shown.dispatch = dispatch;
    const rows = dispatch.told.map((one) => {
      const row = make("li");
      row.append(make("span", "", one.owner ? text("owner", { s: one.name }) : one.name));
      if (one.phone) {
        const call = make("a", "call", text("call", { s: one.phone })) as HTMLAnchorElement;
        call.href = `tel:${one.phone.replace(/[^+\d]/g, "")}`;
        row.append(call);
      } else row.append(make("span", "quiet", text("no_phone")));
      return row;
    });
    byId("callees").replaceChildren(...(rows.length ? rows : [make("li", "", text("nobody"))]));
    const choose = receiverField();
    const chosen = choose.value;
    choose.replaceChildren(new Option(text("choose"), ""), ...dispatch.people.map((one) => new Option(wordsFor(one), one.code)));
    if (dispatch.people.some((one) => one.code === chosen)) choose.value = chosen;
  } catch (error) {
    if (isShown(item)) say("dispatch-said", text("failed_action", { s: (error as Error).message }));
  }
}

function wordsFor(one: Receiver): string {
  const role = one.role ? text(`role:${one.role}`) : "";
  return [one.name, role, role && !one.on_duty ? text("off_duty") : "", one.namesake ? one.code : ""].filter(Boolean).join(" · ");
}

async function act(what: string, form: FormData): Promise<string> {
  if (!shown) return "";
  const open = shown;
  const { item } = open;
  const reason = String(form.get("reason") ?? "").trim();
  const address = `/api/v1/items/${encodeURIComponent(item.id)}/moves`;
  if (what !== "accept" && what !== "reassign" && !reason) throw new Error(text("reason_needed"));
  if (what === "widen") {
    const said = await send(`/api/v1/cockpit/items/${encodeURIComponent(item.id)}/widen`, { reason });
    return String(said["sentence"]);
  }
  if (what === "order") {
    const order = String(form.get("order"));
    await open.loading; // who is quick presses before it is known whose gateway it is
    if (!open.dispatch) throw new Unanswered(text("no_answer"));
    return give("dispatch-said", open.dispatch.gateway, { order, reason, item: item.id }, () => isShown(item));
  }
  const more: Record<string, unknown> = {};
  if (what === "reassign") more["to"] = form.get("to") || null;
  if (what === "reassign" && !more["to"]) throw new Error(text("receiver_needed"));
  if (what === "shelve") more["hours"] = Number(form.get("hours")); // by the server's clock: a wall's may be wrong
  await pressOnce(address, { move: what, reason, ...more });
  return text(what === "shelve" && item.class === "life_safety" ? "shelf_asked_done" : "done");
}

// A press of which nobody knows whether it got through keeps its id: pressed again, it counts once.
let unanswered: { of: string; press: string } | null = null;

async function pressOnce(address: string, body: { move: string; reason: string }): Promise<void> {
  const of = JSON.stringify([address, body.move, body.reason, (body as Record<string, unknown>)["to"] ?? ""]);
  const fresh = (): string => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`.slice(0, 60);
  const press = unanswered?.of === of ? unanswered.press : fresh();
  unanswered = { of, press };
  try {
    await send(address, { press, ...body });
    unanswered = null;
  } catch (error) {
    if (!(error instanceof Unanswered)) unanswered = null;
    throw error;
  }
}

export function offerDispatch(): void {
  byId<HTMLFormElement>("dispatch-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter as HTMLButtonElement | null;
    const form = event.target as HTMLFormElement;
    if (!button || button.disabled) return;
    button.disabled = true;
    const item = shown?.item;
    const tell = (words: string): void => {
      if (isShown(item)) say("dispatch-said", words);
    };
    act(button.value, new FormData(form))
      .then(tell)
      .catch((error: Error) => tell(text("failed_action", { s: error.message })))
      .finally(() => (button.disabled = false));
  });
  offerDrill();
}
