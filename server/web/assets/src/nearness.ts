// A position goes with a press only if somebody asked for it on this page, and only until the page is left.
// Nothing waits for it: a press without one counts the same.
const PATIENCE_MS = 15_000;
const FRESH_MS = 60_000;

let found: GeolocationPosition | null = null;

export function offerPlace(): void {
  if (!navigator.geolocation || !window.isSecureContext) return;
  document.body.classList.add("can-locate");
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-attach-place]")) return;
    document.body.classList.remove("not-located");
    navigator.geolocation.getCurrentPosition(
      (position) => {
        found = position;
        document.body.classList.add("located");
      },
      () => document.body.classList.add("not-located"),
      { enableHighAccuracy: true, timeout: PATIENCE_MS, maximumAge: FRESH_MS },
    );
  });
}

export function addPlace(words: URLSearchParams): void {
  if (!found) return;
  const { latitude, longitude, accuracy } = found.coords;
  words.append("latitude", latitude.toFixed(5));
  words.append("longitude", longitude.toFixed(5));
  words.append("accuracy_m", accuracy.toFixed(0));
}
