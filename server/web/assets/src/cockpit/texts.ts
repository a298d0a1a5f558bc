// The page's words, in the reader's language, as the server wrote them into the page.
const words = new Map<string, string>();
// What a stored place says besides names, and what stands there for the reader; none in the language it is stored in.
const told: [RegExp, string][] = [];

export function readTexts(): void {
  for (const one of document.querySelectorAll<HTMLElement>("#texts [data-key]"))
    words.set(one.dataset["key"] ?? "", one.textContent ?? "");
  for (const one of document.querySelectorAll<HTMLElement>("#told [data-pattern]"))
    told.push([new RegExp(one.dataset["pattern"] ?? "", "g"), one.textContent ?? ""]);
  for (const one of document.querySelectorAll<HTMLElement>("[data-text]"))
    one.textContent = text(one.dataset["text"] ?? "");
}

export function text(key: string, put: { s?: string; n?: number } = {}): string {
  const found = words.get(key) ?? key.slice(key.indexOf(":") + 1);
  return found.replace("%s", put.s ?? "").replace("%n", String(put.n ?? ""));
}

export function place(stored: string): string {
  return told.reduce((said, [pattern, words]) => said.replace(pattern, words), stored);
}

export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return text("seconds", { n: s });
  if (s < 3600) return text("minutes", { n: Math.floor(s / 60) });
  if (s < 172_800) return text("hours", { n: Math.floor(s / 3600) });
  return text("days", { n: Math.floor(s / 86_400) });
}

// Elements by text alone: what comes from gateways is never markup.
export function make(tag: string, kind = "", content = ""): HTMLElement {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (content) made.textContent = content;
  return made;
}

export function byId<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page lacks #${id}`);
  return found as T;
}
