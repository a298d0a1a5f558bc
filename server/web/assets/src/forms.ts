// A press counts once: the button is dead after it, and each press carries an id of its own.
export function guardForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    if (form.dataset["sent"] === "yes") {
      event.preventDefault();
      return;
    }
    form.dataset["sent"] = "yes";
    form.classList.add("sending");
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) {
      delete form.dataset["sent"];
      form.classList.remove("sending");
    }
  });
}
