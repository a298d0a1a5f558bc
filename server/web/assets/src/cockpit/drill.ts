// Starting a drill. A gateway is searched for and must be one that is there; what it can exercise is what it
// says is in force, so nothing is written by hand.
import { ask, give, say } from "./order";
import { byId, text } from "./texts";

interface Gateway { id: string; name: string }
interface Told {
  devices: { device: string; label?: string }[];
  rules: { rule: string; devices: string[]; sentence?: string; sentence_en?: string }[];
}

let gateways: Gateway[] = [];
let chosen = "";

const field = <T extends HTMLElement>(name: string): T =>
  byId<HTMLFormElement>("drill-form").elements.namedItem(name) as unknown as T;

export function offerDrill(): void {
  const form = byId<HTMLFormElement>("drill-form");
  byId("open-drill").addEventListener("click", () => {
    say("drill-said", "");
    byId<HTMLDialogElement>("drill").showModal();
    void fillGateways();
  });
  field<HTMLInputElement>("gateway").addEventListener("input", () => void choose());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    if (!button || button.disabled) return;
    button.disabled = true; // pressed twice, it would be two drills
    const given = new FormData(form);
    const [device, rule] = JSON.parse(String(given.get("pair"))) as [string, string];
    const order = { order: "test", mode: "drill", device, rule, reason: String(given.get("reason")) };
    give("drill-said", chosen, order)
      .then((said) => say("drill-said", said))
      .catch((error: Error) => say("drill-said", text("failed_action", { s: error.message })))
      .finally(() => (button.disabled = false));
  });
}

async function fillGateways(): Promise<void> {
  try {
    gateways = (await ask("/api/v1/gateways")) as unknown as Gateway[];
  } catch (error) {
    return say("drill-said", text("failed_action", { s: (error as Error).message }));
  }
  byId("gateway-ids").replaceChildren(...gateways.map((one) => new Option(one.id, one.name || one.id)));
  const [only] = gateways;
  if (only && gateways.length === 1) field<HTMLInputElement>("gateway").value = only.name || only.id;
  await choose();
}

async function choose(): Promise<void> {
  const input = field<HTMLInputElement>("gateway");
  const wanted = input.value.trim();
  const found = gateways.filter((one) => one.id === wanted || one.name === wanted);
  const problem = found.length === 0 ? "no_gateway" : found.length > 1 ? "many_gateways" : null;
  input.setCustomValidity(problem && wanted ? text(problem) : "");
  chosen = problem ? "" : (found[0]?.id ?? "");
  const rules = field<HTMLSelectElement>("pair");
  rules.replaceChildren();
  rules.disabled = true;
  byId("drill-rules-note").textContent = wanted ? (problem ? text(problem) : "") : "";
  if (chosen) await fillRules(chosen, rules);
}

async function fillRules(gateway: string, rules: HTMLSelectElement): Promise<void> {
  const answer = await fetch(`/api/v1/gateways/${encodeURIComponent(gateway)}/configuration`).catch(() => null);
  const told: Told = answer?.ok ? ((await answer.json()) as Told) : { devices: [], rules: [] };
  if (gateway !== chosen) return; // another was chosen meanwhile
  const english = document.documentElement.lang.startsWith("en");
  const words = (rule: Told["rules"][number]): string => (english && rule.sentence_en) || rule.sentence || rule.rule;
  const choices = told.devices.flatMap((one) =>
    told.rules
      .filter((rule) => rule.devices.includes(one.device))
      .map((rule) => new Option(`${one.label || one.device} · ${words(rule)}`, JSON.stringify([one.device, rule.rule]))),
  );
  rules.replaceChildren(...choices);
  rules.disabled = choices.length === 0;
  byId("drill-rules-note").textContent = choices.length ? "" : text("no_rules");
}
