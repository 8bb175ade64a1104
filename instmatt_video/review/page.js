// The review page: shows what /api/state tells, and posts corrections. It decides nothing itself.
"use strict";

const by = (id) => document.getElementById(id);
const video = by("video");
const SVG = "http://www.w3.org/2000/svg";

let state = null;
let chosen = []; // numbers of at most two people, the one who stays first
let frame = 0; // the playhead, from 0

// --- the server ---------------------------------------------------------------------------

async function ask(address, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  const answer = await fetch(address, options);
  const isJson = (answer.headers.get("content-type") || "").includes("json");
  const content = isJson ? await answer.json() : { error: await answer.text() };
  if (!answer.ok) throw new Error(content.error || answer.statusText);
  return content;
}

async function change(address, body) {
  try {
    show(await ask(address, body));
    tell(null);
  } catch (error) {
    tell(error.message);
    // It may have been refused because somebody else was faster: then show what they did.
    const now = await ask("/api/state").catch(() => state);
    if (now.revision !== state.revision) show(now);
  }
}

// Numbers and frames mean what this page shows: said with every correction.
const changeSeen = (address, body) => change(`${address}?seen=${state.revision}`, body);
const correct = (correction) => changeSeen("/api/corrections", correction);

function tell(words) {
  by("message").hidden = !words;
  by("message").textContent = words || "";
}

// --- frames and times ---------------------------------------------------------------------

function rate() {
  const [frames, seconds] = state.frame_rate.split("/").map(Number);
  return frames / (seconds || 1);
}

// The middle of a frame's time: its edges may be rounded to a neighbour.
function timeOf(index) {
  const times = state.frame_times_s;
  if (!times) return (index + 0.5) / rate();
  const next = index + 1 < times.length ? times[index + 1] : times[index] + 1 / rate();
  return (times[index] + next) / 2;
}

function frameAt(seconds) {
  const times = state.frame_times_s;
  let index = Math.floor(seconds * rate() + 1e-6);
  if (times) {
    index = times.findIndex((time) => time > seconds + 1e-6) - 1;
    if (index < -1) index = times.length - 1;
  }
  return Math.min(Math.max(index, 0), state.frame_count - 1);
}

function seek(index) {
  frame = Math.min(Math.max(index, 0), state.frame_count - 1);
  if (state.preview) {
    video.pause();
    video.currentTime = timeOf(frame);
  }
  showPlayhead();
}

// --- showing ------------------------------------------------------------------------------

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function show(next) {
  const isNewPreview = !state || state.preview !== next.preview;
  state = next;
  const numbers = state.people.map((person) => person.id);
  chosen = chosen.filter((number) => numbers.includes(number));
  document.title = `${state.clip} – review`;
  by("clip").textContent = state.clip;
  const last = state.first_frame + state.frame_count - 1;
  const people = numbers.length === 1 ? "1 person" : `${numbers.length} people`;
  by("facts").textContent = `${people} · frames ${state.first_frame}–${last} · ` +
    `${state.width}×${state.height} · ${Number(rate().toFixed(3))} fps`;
  by("frame").min = state.first_frame;
  by("frame").max = last;
  if (isNewPreview) showPreview();
  showRuler();
  by("people").replaceChildren(...state.people.map(personRow));
  if (!numbers.length) {
    by("people").append(element("p", { className: "nobody", textContent: "Nobody is left." }));
  }
  by("history").replaceChildren(...state.history.map((words) =>
    element("li", { textContent: words, className: state.is_rendered ? "" : "waits" })));
  showStatus();
  showChoice();
  showPlayhead();
  if (state.render.is_running) follow();
}

function showPreview() {
  video.hidden = !state.preview;
  by("no-video").hidden = Boolean(state.preview);
  by("play").disabled = !state.preview;
  if (!state.preview) return;
  video.src = state.preview;
  video.addEventListener("loadedmetadata", () => seek(frame), { once: true });
}

function showRuler() {
  const steps = [1, 2, 5, 10, 20, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000];
  const step = steps.find((size) => state.frame_count / size <= 12) || state.frame_count;
  const marks = [];
  for (let index = 0; index < 0.97 * state.frame_count; index += step) {
    const mark = element("span", { textContent: state.first_frame + index });
    mark.style.left = `${(100 * index) / state.frame_count}%`;
    marks.push(mark);
  }
  by("ruler").replaceChildren(...marks);
}

function personRow(person) {
  const badge = element("span", { className: "badge", textContent: person.id });
  badge.style.background = person.color;
  badge.style.color = person.ink;
  const face = person.thumbnail.startsWith("data:image/jpeg;base64,")
    ? element("img", { src: person.thumbnail, alt: "" })
    : element("span", { className: "faceless", textContent: person.id });
  if (face.className) Object.assign(face.style, { background: person.color, color: person.ink });
  const seen = `${person.frames_visible} frames · score ${person.mean_score.toFixed(2)}`;
  const who = element("button", { type: "button", className: "who" }, face,
    element("strong", {}, badge, element("span", { textContent: person.name })),
    element("small", { textContent: seen }));
  who.addEventListener("click", () => choose(person.id));
  const lane = element("div", { className: "lane" }, bars(person));
  lane.addEventListener("pointerdown", (event) => scrub(event, lane));
  const row = element("div", { className: "person" }, who, lane);
  row.dataset.track = person.id;
  return row;
}

function shape(name, attributes, title) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (title) {
    const words = document.createElementNS(SVG, "title");
    words.textContent = title;
    made.append(words);
  }
  return made;
}

function bars(person) {
  const first = state.first_frame;
  const svg = shape("svg", {
    viewBox: `0 0 ${state.frame_count} 1`, preserveAspectRatio: "none", role: "img",
    "aria-label": `seen in frames ${person.spans.map((span) => span.join("–")).join(", ")}`,
  });
  for (const [from, to] of person.spans) {
    const box = { x: from - first, y: 0, width: to - from + 1, height: 1, fill: person.color };
    svg.append(shape("rect", box, `frames ${from}–${to}`));
  }
  for (const cut of state.cuts) {
    const line = { x1: cut - first, x2: cut - first, y1: 0, y2: 1 };
    svg.append(shape("line", line, `cut: frame ${cut}`));
  }
  return svg;
}

function showStatus() {
  const status = by("status");
  const { render } = state;
  status.className = state.is_rendered ? "status" : "status waits";
  status.textContent = render.is_running
    ? `rendering ${render.done} of ${render.total || state.frame_count}`
    : state.is_rendered ? "streams are up to date" : "not rendered yet";
  by("changes").textContent = state.is_rendered ? render.changes.join("\n") : "";
  by("progress").hidden = !render.is_running;
  by("progress").value = render.total ? render.done / render.total : 0;
  by("render").disabled = render.is_running;
  by("undo").disabled = render.is_running || !state.history.length;
}

function showPlayhead() {
  const number = state.first_frame + frame;
  if (document.activeElement !== by("frame")) by("frame").value = number;
  by("time").textContent = `${Math.max(0, timeOf(frame) - 0.5 / rate()).toFixed(2)} s`;
  const share = (frame + 0.5) / state.frame_count;
  by("playhead").style.left = `calc(var(--who) + (100% - var(--who)) * ${share})`;
  by("playhead").hidden = !state.people.length;
  showActions();
}

// --- choosing and acting ------------------------------------------------------------------

function choose(number) {
  if (chosen.includes(number)) chosen = chosen.filter((other) => other !== number);
  else chosen = [...chosen.slice(-1), number];
  showChoice();
}

function showChoice() {
  for (const row of document.querySelectorAll(".person")) {
    const isChosen = chosen.includes(Number(row.dataset.track));
    row.classList.toggle("is-chosen", isChosen);
    row.querySelector(".who").setAttribute("aria-pressed", isChosen);
  }
  const names = chosen.map((n) => state.people.find((person) => person.id === n).name);
  by("chosen").textContent = names.join(" and ") || "Nobody chosen";
  by("hint").textContent = [
    "Click a person in the timeline.",
    "Click a second person to merge or swap.",
    "Of merged people the first that was clicked stays.",
  ][chosen.length];
  by("name").value = chosen.length === 1 ? names[0] : "";
  showActions();
}

function showActions() {
  const [one, two] = chosen;
  const number = state.first_frame + frame;
  const isIdle = !state.render.is_running;
  by("split").textContent = chosen.length === 1 ? `Split ${one} at ${number}` : "Split";
  by("drop").textContent = chosen.length === 1 ? `Drop ${one}` : "Drop";
  by("merge").textContent = chosen.length === 2 ? `Merge ${two} into ${one}` : "Merge";
  by("swap").textContent = chosen.length === 2 ? `Swap from ${number}` : "Swap";
  for (const id of ["split", "drop"]) by(id).disabled = !isIdle || chosen.length !== 1;
  for (const id of ["merge", "swap"]) by(id).disabled = !isIdle || chosen.length !== 2;
  for (const field of by("rename").elements) {
    field.disabled = !isIdle || chosen.length !== 1;
  }
}

by("split").addEventListener("click", () =>
  correct({ kind: "split", track: chosen[0], frame: state.first_frame + frame }));
by("drop").addEventListener("click", () => correct({ kind: "drop", track: chosen[0] }));
by("merge").addEventListener("click", () =>
  correct({ kind: "merge", track: chosen[0], other: chosen[1] }));
by("swap").addEventListener("click", () => correct({
  kind: "swap", track: chosen[0], other: chosen[1], frame: state.first_frame + frame,
}));
by("rename").addEventListener("submit", (event) => {
  event.preventDefault();
  correct({ kind: "rename", track: chosen[0], name: by("name").value });
});
by("undo").addEventListener("click", () => changeSeen("/api/undo", {}));
by("render").addEventListener("click", () =>
  change("/api/render", { has_rest: by("rest").checked }));

// --- rendering ----------------------------------------------------------------------------

let isFollowing = false;

async function follow() {
  if (isFollowing) return;
  isFollowing = true;
  try {
    while (state.render.is_running) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      state.render = await ask("/api/progress");
      showStatus();
    }
    const { error } = state.render;
    show(await ask("/api/state"));
    tell(error);
  } catch (error) {
    tell(error.message);
  } finally {
    isFollowing = false;
  }
}

// --- playing ------------------------------------------------------------------------------

function play() {
  if (!state.preview) return;
  if (video.paused) video.play();
  else video.pause();
}

function scrub(event, lane) {
  const move = ({ clientX }) => {
    const box = lane.getBoundingClientRect();
    seek(Math.floor(((clientX - box.left) / box.width) * state.frame_count));
  };
  lane.setPointerCapture(event.pointerId);
  lane.addEventListener("pointermove", move);
  const end = () => lane.removeEventListener("pointermove", move);
  lane.addEventListener("pointerup", end, { once: true });
  lane.addEventListener("pointercancel", end, { once: true });
  move(event);
}

function followVideo() {
  if (!video.paused && !video.seeking) {
    frame = frameAt(video.currentTime);
    showPlayhead();
  }
  requestAnimationFrame(followVideo);
}

video.addEventListener("click", play);
video.addEventListener("play", () => { by("play").textContent = "❚❚"; });
video.addEventListener("pause", () => {
  by("play").textContent = "▶";
  // The playhead was told a frame or two ago: what is cut must be what is seen.
  const now = frameAt(video.currentTime);
  if (!video.ended) seek(now);
  else { frame = now; showPlayhead(); } // unmoved, so that playing begins anew
});
by("ruler").addEventListener("pointerdown", (event) => scrub(event, by("ruler")));
by("play").addEventListener("click", play);
by("back").addEventListener("click", () => seek(frame - 1));
by("on").addEventListener("click", () => seek(frame + 1));
by("frame").addEventListener("change", () => {
  const number = by("frame").valueAsNumber; // NaN where none is typed
  if (!Number.isNaN(number)) seek(Math.floor(number) - state.first_frame);
  by("frame").value = state.first_frame + frame;
});

const keys = {
  " ": play,
  ArrowLeft: (event) => seek(frame - (event.shiftKey ? 10 : 1)),
  ArrowRight: (event) => seek(frame + (event.shiftKey ? 10 : 1)),
  Home: () => seek(0),
  End: () => seek(state.frame_count - 1),
  s: () => by("split").click(),
  m: () => by("merge").click(),
  x: () => by("swap").click(),
  u: () => by("undo").click(),
};

document.addEventListener("keydown", (event) => {
  if (!state || event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input:not([type=checkbox])");
  const isPressing = event.key === " " && event.target.matches("button, [type=checkbox]");
  const action = keys[event.key];
  if (!action || isTyping || isPressing) return;
  event.preventDefault();
  action(event);
});

ask("/api/state").then((first) => {
  by("rest").checked = first.has_rest;
  show(first);
  requestAnimationFrame(followVideo);
}).catch((error) => tell(error.message));
