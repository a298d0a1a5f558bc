// Orders to gateways: given, and then followed until the gateway has said what became of them.
import { byId, text } from "./texts";

interface Command { id: string; state: string; outcome: string | null; detail: string }

const ASK_EVERY_MS = 1_000;
const following = new Map<string, string>(); // where it is said, and which order was the last

export async function send(address: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const said = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  if (!answer.ok) throw new Error(String(said["detail"] ?? answer.status));
  return said;
}

export function say(where: string, words: string): void {
  byId(where).textContent = words;
}

// Returns what is to be said at once; what becomes of it is said in the same place.
export async function give(where: string, gateway: string, order: Record<string, unknown>): Promise<string> {
  const address = `/api/v1/gateways/${encodeURIComponent(gateway)}/commands`;
  const command = (await send(address, order)) as unknown as Command;
  following.set(where, command.id);
  followLater(where, `${address}/${encodeURIComponent(command.id)}`, command);
  return wordsOf(command);
}

function wordsOf(command: Command): string {
  if (command.outcome === null) return text(`command:${command.state}`);
  return [text(`outcome:${command.outcome}`), command.detail].filter(Boolean).join("：");
}

function followLater(where: string, address: string, command: Command): void {
  if (command.state !== "waiting" && command.state !== "proposed") return;
  window.setTimeout(() => void follow(where, address, command), ASK_EVERY_MS);
}

async function follow(where: string, address: string, command: Command): Promise<void> {
  const open = byId(where).closest("dialog")?.open;
  if (!open || following.get(where) !== command.id) return;
  const answer = await fetch(address).catch(() => null);
  const now = answer?.ok ? ((await answer.json()) as Command) : command;
  if (following.get(where) === now.id && now !== command) say(where, wordsOf(now));
  followLater(where, address, now);
}
