// A press on a bad line. It is written down on the phone first, with its own id and the time it was
// made, then sent; what does not get through is sent again when there is a line. The server counts an
// id once, so that sending twice does no harm. Without this script, forms work as forms do.
import { addPlace } from "./nearness";

const KEY = "gridwarden.presses";
const AGAIN_AFTER_MS = 15_000;
const PATIENCE_MS = 20_000;

interface Press {
  readonly address: string;
  readonly body: string;
}

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

async function sendAll(): Promise<void> {
  if (sending) return;
  sending = true;
  try {
    for (let next = read()[0]; next; next = read()[0]) {
      const answer = await send(next);
      if (!answer) {
        tell("kept");
        return;
      }
      write(read().slice(1));
      lead(next, answer);
    }
  } finally {
    sending = false;
  }
}

// Null: it did not get through, or the server was not well; it is tried again.
async function send(press: Press): Promise<Response | null> {
  const patience = new AbortController();
  const timer = window.setTimeout(() => patience.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(press.address, {
      method: "POST",
      body: press.body,
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      signal: patience.signal,
    });
    const later = answer.status >= 500 || answer.status === 408 || answer.status === 429;
    return later ? null : answer;
  } catch {
    return null;
  } finally {
    window.clearTimeout(timer);
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

function tell(what: "" | "kept" | "refused"): void {
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
