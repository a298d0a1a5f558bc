// Reads the QR code of a device's label: with the camera, or from a photo where there is no camera to be
// had (plain HTTP, an old web view). The browser's own detector is asked first; where it has none, ours is
// fetched. What was read is only put into the address: the page it leads to asks before anything changes.
interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}
interface DetectorClass {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}
type Read = (frame: CanvasImageSource, width: number, height: number) => Promise<string>;

const LOOK_EVERY_MS = 150;
const RETRY_FOR_MS = 100; // for one picture that is hard to read
const MOST_PIXELS = 1_280; // of the longer side: more only costs time

const area = document.querySelector<HTMLElement>("[data-scan]");
if (area) start(area);

function start(area: HTMLElement): void {
  const open = area.querySelector<HTMLButtonElement>("[data-open]");
  const file = area.querySelector<HTMLInputElement>("input[type=file]");
  area.hidden = false;
  if (open) {
    open.hidden = !navigator.mediaDevices?.getUserMedia;
    open.addEventListener("click", () => void film(area, open));
  }
  file?.addEventListener("change", () => void readPhoto(area, file));
}

async function film(area: HTMLElement, open: HTMLButtonElement): Promise<void> {
  const video = area.querySelector("video");
  const finder = area.querySelector<HTMLElement>(".finder");
  if (!video || !finder) return;
  open.disabled = true;
  tell(area, "busy");
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    const stop = (): void => stream.getTracks().forEach((track) => track.stop());
    window.addEventListener("pagehide", stop);
    video.srcObject = stream;
    finder.hidden = false;
    open.hidden = true;
    await video.play();
    const read = await reader();
    let found = "";
    while (!found) {
      found = await read(video, video.videoWidth, video.videoHeight);
      if (!found) await new Promise((next) => window.setTimeout(next, LOOK_EVERY_MS));
    }
    stop();
    lead(area, found);
  } catch {
    finder.hidden = true;
    open.hidden = open.disabled = false;
    tell(area, "denied");
  }
}

async function readPhoto(area: HTMLElement, input: HTMLInputElement): Promise<void> {
  const chosen = input.files?.[0];
  if (!chosen) return;
  tell(area, "busy");
  try {
    const picture = await createImageBitmap(chosen);
    const found = await (await reader())(picture, picture.width, picture.height);
    if (found) lead(area, found);
    else tell(area, "nothing");
  } catch {
    tell(area, "nothing");
  }
  input.value = "";
}

async function reader(): Promise<Read> {
  const native = (window as unknown as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  if (native && (await native.getSupportedFormats()).includes("qr_code")) {
    const detector = new native({ formats: ["qr_code"] });
    return async (frame) => (await detector.detect(frame))[0]?.rawValue ?? "";
  }
  const { decodeQR } = await import("qr/decode.js");
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  return async (frame, width, height) => {
    if (!pen || !width || !height) return "";
    const scale = Math.min(1, MOST_PIXELS / Math.max(width, height));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    pen.drawImage(frame, 0, 0, canvas.width, canvas.height);
    try {
      return decodeQR(pen.getImageData(0, 0, canvas.width, canvas.height), { timeLimit: RETRY_FOR_MS });
    } catch {
      return ""; // no code in this picture
    }
  };
}

function lead(area: HTMLElement, found: string): void {
  location.assign(`${area.dataset["scan"] ?? ""}?code=${encodeURIComponent(found)}`);
}

function tell(area: HTMLElement, what: "busy" | "denied" | "nothing"): void {
  const said = area.querySelector<HTMLElement>("p.said");
  if (!said) return;
  said.textContent = area.dataset[what] ?? "";
  said.hidden = false;
}
