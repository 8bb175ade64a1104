"use strict";

const VIEW_NAMES = { tinted: "Tinted", cutout: "Cut-out", mattes: "Mattes", source: "Source" };
const POLL_MS = 500;
const RETRY_MS = 2000;
const ANSWER_MS = 5000;
const at = (id) => document.getElementById(id);
let state = null;
let isLost = false;

// An answer that is lost on its way must not end the asking.
const ask = (options) =>
  fetch("state", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS), ...options });

async function send(change) {
  try {
    const answer = await ask({
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(change),
    });
    const isJson = (answer.headers.get("content-type") || "").includes("json");
    const content = isJson ? await answer.json() : { error: await answer.text() };
    tell("refusal", answer.ok ? "" : `The change was not made: ${content.error}`);
    if (answer.ok) show(content);
  } catch {
    // The program may have heard it all the same.
    tell("refusal", "The program did not answer: the change may not have been made.");
  }
}

function tell(id, words) {
  at(id).hidden = !words;
  at(id).textContent = words;
}

function button(label, isPressed, onClick, key) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.dataset.key = key;
  made.setAttribute("aria-pressed", String(isPressed));
  made.addEventListener("click", onClick);
  return made;
}

function replaceKeepingFocus(list, children) {
  const key = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  list.replaceChildren(...children);
  if (key) list.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function personRow(person) {
  const row = document.createElement("li");
  row.className = person.is_present ? "" : "away";
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = person.color;
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = `Person ${person.number}` + (person.is_present ? "" : " (away)");
  const visibility = button(person.is_hidden ? "Show" : "Hide", person.is_hidden, () =>
    send({ [person.is_hidden ? "show" : "hide"]: person.number }), `hide-${person.number}`);
  const solo = button("Solo", person.is_solo, () =>
    send({ solo: person.is_solo ? null : person.number }), `solo-${person.number}`);
  row.append(swatch, name, visibility, solo);
  return row;
}

function show(next) {
  const before = state;
  state = next;
  const figures = state.figures;
  at("fps").textContent = figures.fps.toFixed(1);
  at("latency").textContent = `${Math.round(figures.latency_ms)} ms`;
  at("count").textContent = figures.people;
  at("work").textContent = `${figures.level} of ${figures.level_count}: ${figures.work}`;
  tell("trouble", figures.trouble);
  const controls = ({ figures: _, ...rest }) => JSON.stringify(rest);
  if (before && controls(before) === controls(state)) return;
  replaceKeepingFocus(at("views"), state.views.map((view) =>
    button(VIEW_NAMES[view], view === state.view, () => send({ view }), view)));
  replaceKeepingFocus(at("backgrounds"), state.backgrounds.map((background) =>
    button(background.label, background.name === state.background,
      () => send({ view: "cutout", background: background.name }), background.name)));
  replaceKeepingFocus(at("people"), state.people.map(personRow));
  at("nobody").hidden = state.people.length > 0;
  at("everybody").disabled = !state.people.some((p) => p.is_hidden || p.is_solo);
}

function complain(text) {
  isLost = true;
  tell("trouble", text);
}

const restartPicture = () => { at("picture").src = `stream.mjpg?${Date.now()}`; };

async function poll() {
  try {
    const answer = await ask();
    if (answer.status === 403) {
      complain("The program was started anew: open the address that it printed.");
    } else if (answer.ok) {
      const next = await answer.json();
      // A stream that ended with the program stands still without an error of its own.
      if (isLost) restartPicture();
      isLost = false;
      show(next);
    }
  } catch {
    complain("The program does not answer: it may have ended.");
  }
  setTimeout(poll, POLL_MS);
}

at("everybody").addEventListener("click", () => send({ everybody: true }));
at("color").addEventListener("input", (event) =>
  send({ view: "cutout", background: event.target.value }));
at("picture").addEventListener("error", () => setTimeout(restartPicture, RETRY_MS));
poll();
