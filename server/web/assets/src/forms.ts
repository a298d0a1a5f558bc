import { keepPress } from "./bridge";
import { sendPhoto } from "./photo";

// A press counts once: the button is dead after it, and each press carries an id of its own.
export function guardForms(): void {
  let pressed: HTMLButtonElement | null = null;
  // Old web views do not say which button sent a form.
  document.addEventListener("click", (event) => {
    pressed = event.target instanceof Element ? event.target.closest("button") : null;
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    // What a script sends itself it guards itself, and closing a window is no press: it opens again.
    if (event.defaultPrevented || form.method === "dialog") return;
    if (form.dataset["sent"] === "yes") {
      event.preventDefault();
      return;
    }
    form.dataset["sent"] = "yes";
    form.classList.add("sending");
    if (sendPhoto(form) || keepPress(form, pressed?.form === form ? pressed : null)) event.preventDefault();
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) {
      delete form.dataset["sent"];
      form.classList.remove("sending");
    }
  });
}
