// A photo is made small on the phone before it goes out: a bad line carries it, and what a camera writes
// beside the picture (place, time) never leaves the phone. The server makes it anew all the same. The page stays
// where it is until the photo has arrived: without a line nobody loses the page of an alarm for a photo.
import { tell } from "./bridge";

const LONGEST_SIDE = 1600;
const QUALITY = 0.82;
const MOST_BYTES = 8 * 1024 * 1024; // as the server says
const TOO_LARGE = 413;
const REFUSED: Readonly<Record<number, string>> = { 409: "photo_enough", [TOO_LARGE]: "photo_large", 422: "photo_unusable" };

// True when the photo is sent by this; false when the form goes by itself.
export function sendPhoto(form: HTMLFormElement): boolean {
  if (!/^\/i\/[^/]+\/photos$/.test(form.getAttribute("action") ?? "")) return false;
  const file = form.querySelector<HTMLInputElement>("input[type=file]")?.files?.[0];
  if (!file || !document.querySelector(".kept-note")) return false;
  void carry(form, file);
  return true;
}

async function carry(form: HTMLFormElement, file: File): Promise<void> {
  tell("sending");
  const photo = await shrink(file).catch(() => file); // what the phone cannot draw, the server may
  const page = form.action.replace(/\/photos$/, "");
  const answer = photo.size > MOST_BYTES ? TOO_LARGE : await send(form.action, photo);
  if (answer === null) {
    tell("photo");
    delete form.dataset["sent"];
    form.classList.remove("sending");
    return;
  }
  if (typeof answer === "number") location.assign(REFUSED[answer] ? `${page}?said=${REFUSED[answer]}` : page);
  else location.assign(answer);
}

// The page that follows, or why the server did not take it; null when it did not get through.
async function send(address: string, photo: File): Promise<string | number | null> {
  const body = new FormData();
  body.append("photo", photo, photo.name);
  try {
    const answer = await fetch(address, { method: "POST", body });
    if (answer.status >= 500) return null;
    return answer.ok ? answer.url : answer.status;
  } catch {
    return null;
  }
}

async function shrink(file: File): Promise<File> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("no canvas");
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  if (!blob) throw new Error("no picture");
  return new File([blob], "photo.jpg", { type: "image/jpeg" });
}
