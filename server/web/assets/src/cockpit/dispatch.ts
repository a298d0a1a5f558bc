// What the dispatcher does from the wall: take, widen, give, lay aside, order, exercise. Every press says what
// became of it; nothing closes by itself.
import type { Item } from "./store";
import { byId, make, text } from "./texts";

interface Callee { code: string; name: string; phone: string | null; owner: boolean }
interface Dispatch { gateway: string; device: string; told: Callee[]; people: { code: string; name: string }[] }

let shown: { item: Item; dispatch: Dispatch | null } | null = null;

async function send(address: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const said = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  if (!answer.ok) throw new Error(String(said["detail"] ?? answer.status));
  return said;
}

export function openDispatch(item: Item): void {
  shown = { item, dispatch: null };
  byId("dispatch-title").textContent = text(`title:${item.kind}/${item.class}`);
  byId("dispatch-where").textContent = `${item.where} · ${item.device}`;
  byId("dispatch-said").textContent = "";
  byId<HTMLAnchorElement>("dispatch-page").href = `/desk/items/${encodeURIComponent(item.id)}`;
  byId("callees").replaceChildren();
  byId<HTMLDialogElement>("dispatch").showModal();
  void load(item);
}

async function load(item: Item): Promise<void> {
  try {
    const answer = await fetch(`/api/v1/cockpit/items/${encodeURIComponent(item.id)}`);
    if (!answer.ok) throw new Error(String(answer.status));
    const dispatch = (await answer.json()) as Dispatch;
    if (shown?.item.id !== item.id) return;
    shown.dispatch = dispatch;
    const rows = dispatch.told.map((one) => {
      const row = make("li");
      row.append(make("span", "", one.owner ? `${one.name}（${text("owner")}）` : one.name));
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
    say("dispatch-said", text("failed_action", { s: (error as Error).message }));
  }
}

function say(where: string, words: string): void {
  byId(where).textContent = words;
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
    await send(`/api/v1/gateways/${encodeURIComponent(dispatch?.gateway ?? "")}/commands`, { order, reason });
    return text("ordered");
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
    act(button.value, new FormData(form))
      .then((said) => say("dispatch-said", said))
      .catch((error: Error) => say("dispatch-said", text("failed_action", { s: error.message })))
      .finally(() => (button.disabled = false));
  });
  byId("open-drill").addEventListener("click", () => {
    say("drill-said", "");

    void fillGateways();
    byId<HTMLDialogElement>("drill").showModal();
  });
  byId<HTMLFormElement>("drill-form").addEventListener("change", (event) => {
    const changed = (event.target as HTMLInputElement).name;
    const form = new FormData(event.currentTarget as HTMLFormElement);
    if (changed === "gateway" || changed === "device") void fillRules(`${form.get("gateway")}`, `${form.get("device")}`);
  });
  byId<HTMLFormElement>("drill-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const { gateway, ...rest } = Object.fromEntries(form) as Record<string, string>;
    send(`/api/v1/gateways/${encodeURIComponent(gateway ?? "")}/commands`, { order: "test", mode: "drill", ...rest })
      .then(() => say("drill-said", text("ordered")))
      .catch((error: Error) => say("drill-said", text("failed_action", { s: error.message })));
  });
}

interface Told {
  devices: { device: string; label?: string }[];
  rules: { rule: string; devices: string[]; sentence?: string }[];
}

// What can be chosen is what the gateway says is in force; one that told nothing leaves it to the keyboard.
async function fillRules(gateway: string, device: string): Promise<void> {
  const answer = await fetch(`/api/v1/gateways/${encodeURIComponent(gateway)}/configuration`).catch(() => null);
  const told: Told = answer?.ok ? ((await answer.json()) as Told) : { devices: [], rules: [] };
  byId("device-ids").replaceChildren(...told.devices.map((one) => new Option(one.label ?? one.device, one.device)));
  const fitting = told.rules.filter((one) => !device || one.devices.includes(device));
  byId("rule-ids").replaceChildren(...fitting.map((one) => new Option(one.sentence ?? one.rule, one.rule)));
}

async function fillGateways(): Promise<void> {
  const answer = await fetch("/api/v1/gateways").catch(() => null);
  if (!answer?.ok) return;
  const rows = (await answer.json()) as { id: string; name: string }[];
  byId("gateway-ids").replaceChildren(...rows.map((one) => new Option(one.name, one.id)));
}
