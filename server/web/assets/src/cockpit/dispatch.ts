// What the dispatcher does from the wall: take, widen, give, lay aside, order, exercise. Every press says what
// became of it; nothing closes by itself.
import { offerDrill } from "./drill";
import { give, say, send } from "./order";
import type { Item } from "./store";
import { live } from "./stream";
import { byId, make, place, text } from "./texts";

interface Callee { code: string; name: string; phone: string | null; owner: boolean }
interface Dispatch { gateway: string; device: string; told: Callee[]; people: { code: string; name: string }[] }

let shown: { item: Item; dispatch: Dispatch | null } | null = null;

export function openDispatch(item: Item): void {
  shown = { item, dispatch: null };
  const title = text(`title:${item.kind}/${item.class}`);
  byId("dispatch-title").textContent = live(item) ? title : `${title} · ${text(item.mode)}`;
  byId("dispatch-where").textContent = `${place(item.where)} · ${place(item.device)}`;
  byId("dispatch-said").textContent = "";
  const page = `/desk/items/${encodeURIComponent(item.id)}`;
  byId<HTMLAnchorElement>("dispatch-page").href = page;
  byId<HTMLAnchorElement>("dispatch-orders").href = `${page}#orders`;
  byId("callees").replaceChildren();
  byId<HTMLDialogElement>("dispatch").showModal();
  void load(item);
}

// What comes late is of the item that it was asked of, and is not said of another one.
const isShown = (item?: Item): boolean => item !== undefined && shown?.item.id === item.id;

async function load(item: Item): Promise<void> {
  try {
    const answer = await fetch(`/api/v1/cockpit/items/${encodeURIComponent(item.id)}`);
    if (!answer.ok) throw new Error(String(answer.status));
    const dispatch = (await answer.json()) as Dispatch;
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
    const choose = byId<HTMLFormElement>("dispatch-form").elements.namedItem("to") as HTMLSelectElement;
    choose.replaceChildren(...dispatch.people.map((one) => new Option(one.name, one.code)));
  } catch (error) {
    if (isShown(item)) say("dispatch-said", text("failed_action", { s: (error as Error).message }));
  }
}

async function act(what: string, form: FormData): Promise<string> {
  const { item, dispatch } = shown ?? {};
  if (!item) return "";
  const reason = String(form.get("reason") ?? "").trim();
  const address = `/api/v1/items/${encodeURIComponent(item.id)}/moves`;
  const press = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`.slice(0, 60);
  if (what !== "accept" && what !== "reassign" && !reason) throw new Error(text("reason_needed"));
  if (what === "widen") {
    const said = await send(`/api/v1/cockpit/items/${encodeURIComponent(item.id)}/widen`, { reason });
    return String(said["sentence"]);
  }
  if (what === "order") {
    const order = String(form.get("order"));
    return give("dispatch-said", dispatch?.gateway ?? "", { order, reason, item: item.id }, () => isShown(item));
  }
  const more: Record<string, unknown> = {};
  if (what === "reassign") more["to"] = String(form.get("to"));
  if (what === "shelve") more["until"] = new Date(Date.now() + Number(form.get("hours")) * 3_600_000).toISOString();
  await send(address, { move: what, press, reason, ...more });
  return text("done");
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
