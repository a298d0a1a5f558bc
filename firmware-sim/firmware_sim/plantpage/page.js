"use strict";
// Devices are asked for every second; rows are built once, so that an open list of faults stays open.
const rows = new Map();
const said = document.getElementById("said");

async function tell(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body ?? {}) });
  said.textContent = answer.ok ? "" : (await answer.json()).error;
}

function cell(row, text) {
  const made = row.insertCell();
  made.textContent = text;
  return made;
}

function buildRow(name, told) {
  const row = document.getElementById("devices").insertRow();
  const cells = { name: cell(row, name), model: cell(row, told.model), bus: cell(row, `${told.bus} / ${told.unit}`), asked: cell(row, ""), points: cell(row, "") };
  const choice = document.createElement("select");
  choice.setAttribute("aria-label", `${name} 的故障`);
  for (const kind of told.misbehaviours) choice.add(new Option(kind, kind));
  choice.addEventListener("change", () => tell(`/devices/${encodeURIComponent(name)}/faults`, { fault: choice.value, delay_s: 2 }));
  row.insertCell().append(choice);
  rows.set(name, { row, cells, choice });
}

async function refresh() {
  const devices = await (await fetch("/devices")).json();
  for (const [name, told] of Object.entries(devices)) {
    if (!rows.has(name)) buildRow(name, told);
    const { row, cells, choice } = rows.get(name);
    cells.asked.textContent = told.requests;
    cells.points.textContent = Object.entries(told.points).map(([point, value]) => `${point} ${Number(value).toPrecision(4)}`).join("，");
    row.className = told.fault === "none" ? "" : "bad";
    if (document.activeElement !== choice) choice.value = told.fault;
  }
}

async function listEvents() {
  for (const name of await (await fetch("/events")).json()) {
    const button = document.createElement("button");
    button.textContent = name;
    button.addEventListener("click", () => tell(`/events/${encodeURIComponent(name)}`));
    document.getElementById("events").append(button);
  }
}

listEvents();
refresh();
setInterval(refresh, 1000);
