// Orders to gateways: given, and then followed until the gateway has said what became of them.
import { byId, text } from "./texts";

type Belongs = () => boolean;
interface Command { id: string; state: string; outcome: string | null; detail: string }

const ASK_EVERY_MS = 1_000;
const following = new Map<string, string>(); // where it is said, and which order was the last

// Nobody knows whether it got through: the server did not answer.
export class Unanswered extends Error {}

export async function ask(address: string, options: RequestInit = {}): Promise<Record<string, unknown>> {
  const answer = await fetch(address, options).catch(() => null);
  if (!answer) throw new Unanswered(text("no_answer"));
  const said = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  if (!answer.ok) throw new Error(String(said["detail"] ?? answer.status));
  return said;
}

export async function send(address: string, body: unknown): Promise<Record<string, unknown>> {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  return ask(address, { method: "POST", headers, body: JSON.stringify(body) });
}

export function say(where: string, words: string): void {
  byId(where).textContent = words;
}

// Returns what is to be said at once; what becomes of it is said in the same place, while it belongs there.
export async function give(
  where: string,
  gateway: string,
  order: Record<string, unknown>,
  belongs: Belongs = () => true,
): Promise<string> {
  const address = `/api/v1/gateways/${encodeURIComponent(gateway)}/commands`;
  const command = (await send(address, order)) as unknown as Command;
  following.set(where, command.id);
  followLater(where, `${address}/${encodeURIComponent(command.id)}`, command, belongs);
  return wordsOf(command);
}

function wordsOf(command: Command): string {
  if (command.outcome === null) return text(`command:${command.state}`);
  return [text(`outcome:${command.outcome}`), command.detail].filter(Boolean).join(text("colon"));
}

function followLater(where: string, address: string, command: Command, belongs: Belongs): void {
  if (command.state !== "waiting" && command.state !== "proposed") return;
  window.setTimeout(() => void follow(where, address, command, belongs), ASK_EVERY_MS);
}

async function follow(where: string, address: string, command: Command, belongs: Belongs): Promise<void> {
  const looked = (): boolean =>
    Boolean(byId(where).closest("dialog")?.open) && following.get(where) === command.id && belongs();
  if (!looked()) return;
  const answer = await fetch(address).catch(() => null);
  const now = answer?.ok ? ((await answer.json()) as Command) : command;
  if (!looked()) return;
  if (now !== command) say(where, wordsOf(now));
  followLater(where, address, now, belongs);
}
