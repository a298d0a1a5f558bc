// What the server says, kept in step by numbers. A missing number, a server that began anew, or a word from
// it (`resync`) lead to a new snapshot; a beat repeats the newest number, so that the last event of all
// cannot be missed either. Ten seconds without a word mean that nothing here may be believed; a word that was
// as long under way is none.
export interface Item {
  id: string;
  class: string;
  kind: string;
  mode: string;
  state: string;
  where: string;
  device: string;
  community: string | null;
  grid: string | null;
  building: string | null;
  owner: string | null;
  accepted: boolean;
  inside: number;
  help: boolean;
  claimed: boolean;
  shelved: string | null;
  shelf_asked: boolean;
  held: string | null;
  over: boolean;
  opened: string;
  next: string | null;
  next_at: string | null;
  concerns: string[];
}
export type Figures = Record<string, unknown> & { at: string; every_s: number };
interface Snapshot {
  epoch: string;
  seq: number;
  now: string;
  up_ms: number;
  items: Item[];
  panels: Record<string, Figures>;
}
interface Word { now: string; up_ms: number }
type Change = { changed: Item[]; gone: string[]; whole: boolean };

// Three beats. It is looked at every second, so that a page never passes ten seconds without saying so.
const SILENT_AFTER_MS = 9_000;
const AGAIN_MS = 1_500;
const SIGNED_OUT_AGAIN_MS = 30_000;

export class Store {
  readonly items = new Map<string, Item>();
  panels: Record<string, Figures> = {};
  signedOut = false;
  ready = false;
  private epoch = "";
  private seq = -1;
  private aheadMs = Date.now() - performance.now(); // the server's clock, before this page's running time
  private quickest = -Infinity; // the server's running time before this page's, by the word that came quickest
  private heardAt = performance.now();
  private askedAt = 0;
  private late = false;
  private source: EventSource | null = null;
  private fetching = false;

  constructor(
    private readonly onItems: (change: Change) => void,
    private readonly onPanels: (names: string[]) => void,
  ) {}

  // The server's time, whatever the screen's own clock says.
  now(): number {
    return performance.now() + this.aheadMs;
  }

  silentMs(): number {
    return performance.now() - this.heardAt;
  }

  get silent(): boolean {
    return this.silentMs() >= SILENT_AFTER_MS;
  }

  start(): void {
    void this.fetchAll();
    window.setInterval(() => this.watch(), AGAIN_MS);
  }

  private watch(): void {
    if (this.signedOut) {
      if (performance.now() - this.askedAt > SIGNED_OUT_AGAIN_MS) void this.fetchAll();
    } else if (!this.ready || this.late) void this.fetchAll();
    // A browser gives a stream up for good when a proxy answers with an error page.
    else if (!this.source || this.source.readyState === EventSource.CLOSED) this.follow();
    else if (this.silentMs() > SILENT_AFTER_MS * 1.5) this.follow();
  }

  private async fetchAll(): Promise<void> {
    if (this.fetching) return;
    this.fetching = true;
    this.askedAt = performance.now();
    // A line that is up and carries nothing must not keep the page from asking again.
    const giveUp = new AbortController();
    const timer = window.setTimeout(() => giveUp.abort(), SILENT_AFTER_MS);
    try {
      const answer = await fetch("/api/v1/cockpit", { headers: { Accept: "application/json" }, signal: giveUp.signal });
      this.signedOut = answer.status === 401 || answer.status === 403;
      if (!answer.ok) return;
      this.take((await answer.json()) as Snapshot);
    } catch {
      return; // `watch` tries again, and the page says how long nothing was heard
    } finally {
      window.clearTimeout(timer);
      this.fetching = false;
    }
    this.follow();
  }

  private take(all: Snapshot): void {
    this.epoch = all.epoch;
    this.seq = all.seq;
    this.ready = true;
    this.quickest = -Infinity; // an answer to a question is as old as the question at most
    this.hear(all);
    const known = new Set(all.items.map((item) => item.id));
    const gone = [...this.items.keys()].filter((id) => !known.has(id));
    for (const id of gone) this.items.delete(id);
    for (const item of all.items) this.items.set(item.id, item);
    this.panels = all.panels;
    this.onItems({ changed: all.items, gone, whole: true });
    this.onPanels(Object.keys(all.panels));
  }

  private follow(): void {
    this.source?.close();
    const source = new EventSource(`/api/v1/cockpit/stream?after=${this.epoch}.${this.seq}`);
    this.source = source;
    const on = (name: string, act: (data: Record<string, unknown>) => void): void =>
      source.addEventListener(name, (event) => {
        if (source === this.source) act(JSON.parse((event as MessageEvent<string>).data) as Record<string, unknown>);
      });
    on("items", (data) => {
      if (!this.inStep(data)) return;
      const changed = data["rows"] as Item[];
      const gone = data["gone"] as string[];
      for (const item of changed) this.items.set(item.id, item);
      for (const id of gone) this.items.delete(id);
      this.onItems({ changed, gone, whole: false });
    });
    on("panels", (data) => {
      if (!this.inStep(data)) return;
      const panels = data["panels"] as Record<string, Figures>;
      Object.assign(this.panels, panels);
      this.onPanels(Object.keys(panels));
    });
    on("beat", (data) => {
      this.hear(data as unknown as Word);
      if (data["epoch"] !== this.epoch || (data["seq"] as number) > this.seq) this.behindSince();
      else this.behind = 0;
    });
    on("resync", () => void this.resync());
    on("gone", () => {
      this.signedOut = true;
      source.close();
    });
  }

  // An event may be on its way when the beat that names it comes first: asked anew at the second such beat.
  private behind = 0;
  private behindSince(): void {
    this.behind += 1;
    if (this.behind >= 2) void this.resync();
  }

  private inStep(data: Record<string, unknown>): boolean {
    const seq = data["seq"] as number;
    this.hear(data as unknown as Word);
    if (seq <= this.seq) return false;
    if (seq !== this.seq + 1) {
      void this.resync();
      return false;
    }
    this.seq = seq;
    return true;
  }

  private async resync(): Promise<void> {
    this.behind = 0;
    await this.fetchAll();
  }

  // What a proxy held back says how things were: it is no sign of life, and the whole is asked for.
  private hear(word: Word): void {
    const at = performance.now();
    this.quickest = Math.max(this.quickest, word.up_ms - at);
    this.late = this.quickest - (word.up_ms - at) >= SILENT_AFTER_MS;
    if (this.late) return;
    this.heardAt = at;
    this.aheadMs = Date.parse(word.now) - at;
  }
}
