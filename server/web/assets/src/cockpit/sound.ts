// A browser plays nothing before a click. Until then, and whenever it stops, the button says so in red.
import { byId, text } from "./texts";

let context: AudioContext | null = null;

export function offerSound(): void {
  byId("sound").addEventListener("click", () => {
    void (async () => {
      if (context?.state === "running") return;
      context ??= new AudioContext();
      context.addEventListener("statechange", showSound);
      await context.resume();
      showSound();
      ring(1);
    })();
  });
  showSound();
}

function showSound(): void {
  const on = context?.state === "running";
  const button = byId("sound");
  button.classList.toggle("off", !on);
  button.setAttribute("aria-pressed", String(on));
  button.textContent = text(on ? "sound_on" : "sound_off");
}

// Two tones a second apart in pitch, `times` over; a wall in a room, not a siren.
export function ring(times: number): void {
  if (context?.state !== "running") return;
  const gain = context.createGain();
  gain.connect(context.destination);
  gain.gain.value = 0.25;
  for (let n = 0; n < times * 2; n++) {
    const tone = context.createOscillator();
    tone.frequency.value = n % 2 ? 660 : 880;
    tone.connect(gain);
    tone.start(context.currentTime + n * 0.28);
    tone.stop(context.currentTime + n * 0.28 + 0.22);
    if (n === times * 2 - 1) tone.onended = () => gain.disconnect();
  }
}
