// A press on a bad line. It is written down on the phone first, with its own id and the time it was
// made, then sent; what does not get through is sent again when there is a line. The server counts an
// id once, so that sending twice does no harm. Without this script, forms work as forms do.
import { addPlace } from "./nearness";

const KEY = "gridwarden.presses";
const AGAIN_AFTER_MS = 15_000;
const PATIENCE_MS = 20_000;
const SLOW_AFTER_MS = 1_000; // then the page says that it is under way
const TRY_LATER = new Set([408, 425, 429]);

interface Press {
  readonly address: string;
  readonly body: string;
}

type Word = "" | "sending" | "kept" | "refused" | "photo";

let sending = false;

export function bridgeGaps(): void {
  if (!document.querySelector(".kept-note")) return;
  window.addEventListener("online", () => void sendAll());
  window.setInterval(() => void sendAll(), AGAIN_AFTER_MS);
  void sendAll();
}

// Takes over the sending of a press; false when the phone cannot keep it and the form must go by itself.
export function keepPress(form: HTMLFormElement, button: HTMLButtonElement | null): boolean {
  if (!/^\/i\/[^/]+\/moves$/.test(form.getAttribute("action") ?? "")) return false;
  const words = new URLSearchParams();
  new FormData(form).forEach((value, name) => {
    if (typeof value === "string") words.append(name, value);
  });
  if (button?.name) words.append(button.name, button.value);
  words.append("pressed_at_ms", String(Date.now()));
  addPlace(words);
  if (!write([...read(), { address: form.action, body: words.toString() }])) return false;
  void sendAll();
  return true;
}

// One after the other. A press that the server could not take now holds up what was pressed after it on the same
// page, and nothing else: the next alarm's must not wait for it.
async function sendAll(): Promise<void> {
  if (sending) return;
  sending = true;
  const held = new Set<string>();
  try {
    for (let next = first(held); next; next = first(held)) {
      const answer = await send(next);
      if (!answer) {
        tell("kept");
        return;
      }
      if (answer.status >= 500 || TRY_LATER.has(answer.status)) {
        held.add(next.address);
        continue;
      }
      forget(next);
      lead(next, answer);
    }
    if (held.size) tell("kept");
  } finally {
    sending = false;
  }
}

function first(held: ReadonlySet<string>): Press | undefined {
  return read().find((press) => !held.has(press.address));
}

// By what it is, not by its place: another page of this phone may have sent some meanwhile.
function forget(sent: Press): void {
  write(read().filter((press) => press.body !== sent.body));
}

// Null: it did not get through.
async function send(press: Press): Promise<Response | null> {
  const patience = new AbortController();
  const timer = window.setTimeout(() => patience.abort(), PATIENCE_MS);
  const slow = window.setTimeout(() => {
    if (document.querySelector(".kept-note[hidden]")) tell("sending");
  }, SLOW_AFTER_MS);
  try {
    return await fetch(press.address, {
      method: "POST",
      body: press.body,
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      signal: patience.signal,
    });
  } catch {
    return null;
  } finally {
    window.clearTimeout(timer);
    window.clearTimeout(slow);
  }
}

// The page of the press shows what came of it; another page is left in peace unless it was refused.
function lead(press: Press, answer: Response): void {
  const page = new URL(press.address).pathname.replace(/\/moves$/, "");
  if (location.pathname !== page) {
    tell(answer.ok ? "" : "refused");
    return;
  }
  location.assign(answer.redirected ? answer.url : page);
}

export function tell(what: Word): void {
  const note = document.querySelector<HTMLElement>(".kept-note");
  if (!note) return;
  note.textContent = what ? (note.dataset[what] ?? "") : "";
  note.hidden = !what;
}

function read(): Press[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]") as Press[];
  } catch {
    return [];
  }
}

function write(presses: Press[]): boolean {
  try {
    localStorage.setItem(KEY, JSON.stringify(presses));
    return true;
  } catch {
    return false;
  }
}
