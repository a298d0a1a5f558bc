// Live pages. The server says that something changed; the page then asks for its own content anew
// and htmx merges it, so that focus, text and scrolling stay. When the stream is silent for ten
// seconds the page says so: what it shows may be old.
import htmx from "htmx.org";
import { keepWritten } from "./written";

const AREA = "[data-live]";
const SILENT_AFTER_MS = 9_000; // looked at every second: ten are never passed
const CHECK_EVERY_MS = 1_000;
const AGAIN_AFTER_MS = 5_000; // after an answer that was no stream, or no page
const CLICK_WITHIN_MS = 400; // an old web view's click comes that long after the finger has left
const LONGEST_PRESS_MS = 3_000; // a finger whose leaving nobody tells of
const TRY_LATER = new Set([408, 425, 429]);

type Asked = { ctx: { select?: string; response?: { status: number; raw: Response } } };

export function keepFresh(): void {
  const area = document.querySelector<HTMLElement>(AREA);
  const address = area?.dataset["live"];
  if (!area || !address) return;
  let heardAt = Date.now();
  const hear = (): void => {
    heardAt = Date.now();
    document.body.classList.remove("stale");
  };
  follow(area, address, hear);
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) follow(area, address, hear);
  });
  document.addEventListener("focusout", () => {
    if (putOff) void refresh(area);
  });
  takeOnlyPages(area);
  holdUnderFinger(area);
  window.setInterval(() => {
    if (Date.now() - heardAt >= SILENT_AFTER_MS) document.body.classList.add("stale");
  }, CHECK_EVERY_MS);
}

let source: EventSource | null = null;
let putOff = false;
let pressed = false;
let retry = 0;
const nothing = (): void => undefined;
let putBack = nothing;

function follow(area: HTMLElement, address: string, hear: () => void): void {
  source?.close();
  const stream = (source = new EventSource(address));
  const again = (): void => {
    stream.close();
    window.setTimeout(() => {
      if (source === stream) follow(area, address, hear);
    }, AGAIN_AFTER_MS);
  };
  const look = (): void => {
    hear();
    void refresh(area);
  };
  // Whatever changed while nobody listened is fetched now: since the page was built, too.
  stream.addEventListener("open", look);
  stream.addEventListener("beat", hear);
  stream.addEventListener("change", look);
  // Who may not listen any more is told why by the page itself.
  stream.addEventListener("gone", () => {
    void refresh(area);
    again();
  });
  // A browser tries again by itself, but not after an answer that is no stream, such as a proxy's "bad gateway".
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) again();
  });
}

// What is no such page is not merged: it would leave an empty screen. An answer of trouble, like none at all, is
// passed over and asked for again; any other (given to somebody else, signed out) is opened whole: it says why.
function takeOnlyPages(area: HTMLElement): void {
  const later = (): void => {
    window.clearTimeout(retry);
    retry = window.setTimeout(() => void refresh(area), AGAIN_AFTER_MS);
  };
  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = (event as CustomEvent<Asked>).detail;
    if (ctx.select !== AREA || !ctx.response) return;
    const { status, raw } = ctx.response;
    if (status < 400 && !raw.redirected) return;
    event.preventDefault();
    if (pressed) putOff = true;
    else if (status >= 500 || TRY_LATER.has(status)) later();
    else location.reload();
  });
  document.addEventListener("htmx:error", (event) => {
    if ((event as CustomEvent<Asked>).detail.ctx.select === AREA) later();
  });
}

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
    if ((event as CustomEvent<Asked>).detail.ctx.select !== AREA) return;
    putBack = keepWritten(area);
    if (!pressed && !isWriting(area)) return; // a line may take its time: somebody began meanwhile
    event.preventDefault();
    putOff = true;
  });
}

async function refresh(area: HTMLElement): Promise<void> {
  putOff = pressed || isWriting(area);
  if (putOff) return;
  await htmx.ajax("GET", location.pathname + location.search, {
    target: area,
    select: AREA,
    swap: "outerMorph",
  });
  putBack();
  putBack = nothing;
}

// Nobody's half-written reason is taken away.
function isWriting(area: HTMLElement): boolean {
  const focused = document.activeElement;
  const writes = focused instanceof HTMLTextAreaElement || focused instanceof HTMLInputElement;
  return writes && area.contains(focused) && focused.type !== "hidden";
}
