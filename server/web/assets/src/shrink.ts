// A photo is made small on the phone before it goes out: a bad line carries it, and what a camera writes
// beside the picture (place, time) never leaves the phone. The server makes it anew all the same.
const LONGEST_SIDE = 1600;
const QUALITY = 0.82;

// True when the form is sent later, with the small photo; false when it goes by itself.
export function shrinkFirst(form: HTMLFormElement): boolean {
  if (!/\/photos$/.test(form.getAttribute("action") ?? "") || form.dataset["shrunk"] === "yes") return false;
  const input = form.querySelector<HTMLInputElement>("input[type=file]");
  const file = input?.files?.[0];
  if (!input || !file || typeof createImageBitmap !== "function" || typeof DataTransfer !== "function") return false;
  form.dataset["shrunk"] = "yes";
  void shrink(file)
    .then((small) => {
      const held = new DataTransfer();
      held.items.add(small);
      input.files = held.files;
    })
    .catch(() => undefined) // what the phone cannot draw, the server may
    .then(() => form.submit());
  return true;
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
