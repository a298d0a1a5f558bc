// What somebody unfolded, chose or wrote in a live page stays when the page merges news into itself.
type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
const FIELDS = "input:not([type=hidden], [type=file]), select, textarea"; // what was chosen as a file stays by itself

export function keepWritten(area: HTMLElement): () => void {
  const open = new Set([...area.querySelectorAll("details[open]")].map(nameOf));
  const written = new Map<string, string | boolean>();
  for (const field of area.querySelectorAll<Field>(FIELDS)) if (isWritten(field)) written.set(keyOf(field), valueOf(field));
  return () => {
    const now = document.querySelector("[data-live]") ?? area;
    for (const one of now.querySelectorAll("details")) if (open.has(nameOf(one))) one.open = true;
    for (const field of now.querySelectorAll<Field>(FIELDS)) {
      const value = written.get(keyOf(field));
      if (typeof value === "boolean") (field as HTMLInputElement).checked = value;
      else if (value !== undefined && field !== document.activeElement) field.value = value;
    }
  };
}

function nameOf(details: Element): string {
  return details.querySelector("summary")?.textContent?.trim() ?? "";
}

function keyOf(field: Field): string {
  const does = field.form?.querySelector<HTMLInputElement>("input[name=order], input[name=move]")?.value ?? "";
  return [field.form?.getAttribute("action"), does, field.closest("details") ? nameOf(field.closest("details") as Element) : "", field.name].join("|");
}

function isTick(field: Field): field is HTMLInputElement {
  return field instanceof HTMLInputElement && (field.type === "checkbox" || field.type === "radio");
}

function valueOf(field: Field): string | boolean {
  return isTick(field) ? field.checked : field.value;
}

function isWritten(field: Field): boolean {
  if (field instanceof HTMLSelectElement) return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return isTick(field) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}
