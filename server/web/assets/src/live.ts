// Live pages. The server says that something changed; the page then asks for its own content anew
// and htmx merges it, so that focus, text and scrolling stay. When the stream is silent for ten
// seconds the page says so: what it shows may be old.
import htmx from "htmx.org";
import { keepWritten } from "./written";

const SILENT_AFTER_MS = 9_000; // looked at every second: ten are never passed
const CHECK_EVERY_MS = 1_000;
const CLICK_WITHIN_MS = 400; // an old web view's click comes that long after the finger has left
const LONGEST_PRESS_MS = 3_000; // a finger whose leaving nobody tells of

export function keepFresh(): void {
  const area = document.querySelector<HTMLElement>("[data-live]");
  const address = area?.dataset["live"];
  if (!area || !address) return;
  const source = new EventSource(address);
  let heardAt = Date.now();
  const hear = (): void => {
    heardAt = Date.now();
    document.body.classList.remove("stale");
  };
  source.addEventListener("open", () => {
    hear();
    // Whatever changed while nobody listened is fetched now: since the page was built, too.
    void refresh(area);
  });
  source.addEventListener("beat", hear);
  source.addEventListener("change", () => {
    hear();
    void refresh(area);
  });
  document.addEventListener("focusout", () => {
    if (putOff) void refresh(area);
  });
  holdUnderFinger(area);
  window.setInterval(() => {
    if (Date.now() - heardAt >= SILENT_AFTER_MS) document.body.classList.add("stale");
  }, CHECK_EVERY_MS);
  window.addEventListener("pagehide", () => source.close());
}

let putOff = false;
let pressed = false;

// What is under a finger must not turn into something else before the press counts.
function holdUnderFinger(area: HTMLElement): void {
  let timer = 0;
  const letGoIn = (ms: number): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      pressed = false;
      if (putOff) void refresh(area);
    }, ms);
  };
  document.addEventListener("pointerdown", () => {
    pressed = true;
    letGoIn(LONGEST_PRESS_MS);
  }, true);
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => letGoIn(CLICK_WITHIN_MS), true);
  document.addEventListener("htmx:before:swap", (event) => {
    if (!pressed) return;
    event.preventDefault();
    putOff = true;
  });
}

async function refresh(area: HTMLElement): Promise<void> {
  putOff = pressed || isWriting(area);
  if (putOff) return;
  const putBack = keepWritten(area);
  await htmx.ajax("GET", location.pathname + location.search, {
    target: area,
    select: "[data-live]",
    swap: "outerMorph",
  });
  putBack();
}

// Nobody's half-written reason is taken away.
function isWriting(area: HTMLElement): boolean {
  const focused = document.activeElement;
  const writes = focused instanceof HTMLTextAreaElement || focused instanceof HTMLInputElement;
  return writes && area.contains(focused) && focused.type !== "hidden";
}
