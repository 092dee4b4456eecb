
// Connects the elements of the page with the code.

const at = (id) => document.getElementById(id);
const { maxDelayMs, isFixed } = document.body.dataset;
const isStill = matchMedia("(prefers-reduced-motion: reduce)");
// The last run of each way; both have the same number of calls and the same delay.
const runs = new Map();
let controller = null;

function shownRuns() {
  return Object.keys(WAYS).filter((way) => runs.has(way)).map((way) => runs.get(way));
}

function show() {
  const shown = shownRuns();
  at("figure").hidden = shown.length === 0;
  if (shown.length === 0) return;
  draw(at("chart"), shown, performance.now());
  drawKey(at("key"), shown);
  at("chart").setAttribute("aria-label", describe(shown));
}

// Draws once per frame at most: drawing for each of many calls would make the next ones late.
let isDue = false;
function showSoon() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    show();
  });
}

// Bars grow while calls are under way. For people who prefer reduced motion, they change only when a call begins or
// ends.
function grow() {
  if (controller === null || isStill.matches) return;
  draw(at("chart"), shownRuns(), performance.now());
  requestAnimationFrame(grow);
}

// Reads the server's counters, then makes the calls.
async function start(way) {
  if (controller !== null || !at("race").reportValidity()) return;
  const plan = [Number(at("calls").value), at("delay").disabled ? null : Number(at("delay").value)];
  setRunning(new AbortController(), way);
  const before = await readStats(controller.signal).catch(() => null);
  if (controller.signal.aborted) {
    setRunning(null, way);
    return say("Cancelled before the first call was made.");
  }
  for (const [other, run] of runs) if (run.calls !== plan[0] || run.delay !== plan[1]) runs.delete(other);
  const run = newRun(way, ...plan);
  runs.set(way, run);
  at("said").textContent = "";
  const { signal } = controller;
  performance.clearResourceTimings();
  signal.addEventListener("abort", () => (run.cancelledAfter = performance.now() - run.begun));
  show();
  requestAnimationFrame(grow);
  await makeCalls(run, signal, showSoon);
  if (run.cancelledAfter !== null && before !== null) run.server = await untilEnded(before);
  setRunning(null, way);
  show();
  showRows(run);
  say(lesson(run, runs.get(way === "together" ? "sequential" : "together")));
}

// The first line is the lesson; the others explain it.
function say(words) {
  const lines = words.split("\n").map((line, number) => {
    const element = document.createElement(number === 0 ? "strong" : "span");
    element.textContent = line;
    return element;
  });
  at("said").replaceChildren(...lines);
}

// Moves the focus to the button that can be pressed next, unless the user has moved it elsewhere.
function setRunning(next, way) {
  const held = document.activeElement;
  controller = next;
  const isRunning = next !== null;
  at("cancel").disabled = !isRunning;
  for (const id of Object.keys(WAYS)) at(id).disabled = isRunning;
  const isOurs = isRunning ? held === at(way) : held === at("cancel") || held === document.body;
  if (isOurs) at(isRunning ? "cancel" : way).focus();
}

function showRows(run) {
  at("details").hidden = false;
  at("rows").replaceChildren(...run.rows.map((row) => {
    const line = document.createElement("tr");
    const held = row.sent === null ? "–" : duration(row.sent - row.due);
    const waited = row.waited > 0 ? duration(row.waited) : "–";
    for (const words of [row.number + 1, LOOKS[row.end], held, waited, duration(row.done - row.due)]) {
      line.insertCell().textContent = words;
    }
    return line;
  }));
}

function showFigures({ inFlight, rate, p50, p99, outcomes }) {
  // Each poll leaves an entry in a buffer of limited size.
  if (controller === null) performance.clearResourceTimings();
  at("stale").hidden = true;
  at("in-flight").textContent = grouped(inFlight);
  at("rate").textContent = rate === null ? "–" : grouped(rate < 10 ? Number(rate.toFixed(1)) : Math.round(rate));
  at("p50").textContent = p50 === null ? "–" : duration(p50);
  at("p99").textContent = p99 === null ? "–" : duration(p99);
  at("outcomes").replaceChildren(...outcomes.map(([outcome, count]) => {
    const [pair, term, figure] = ["div", "dt", "dd"].map((name) => document.createElement(name));
    term.textContent = outcome.replaceAll("_", " ");
    figure.textContent = grouped(count);
    pair.append(term, figure);
    return pair;
  }));
}

function showTrouble(what) {
  at("stale").hidden = false;
  at("stale").textContent = what === "lost"
    ? "The server does not answer. These are its last figures; updates resume when it is back."
    : controller !== null
      ? "These figures have to wait, too: your calls occupy all connections that the browser opens to this server."
      : "The server is slow to answer. These are its last figures.";
}

// Adds a copy button to each command.
function addCopyButtons() {
  for (const code of document.querySelectorAll(".commands code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    // Tells users of screen readers which command the button copies.
    const label = (word) => {
      button.textContent = word;
      button.setAttribute("aria-label", `${word}: ${code.textContent}`);
    };
    label("Copy");
    button.addEventListener("click", async () => {
      label((await copy(code)) ? "Copied" : "Press Ctrl-C");
      setTimeout(() => label("Copy"), 2_000);
    });
    code.closest("dd").append(button);
  }
}

// Returns whether the command was copied; it stays selected in any case. Browsers offer the clipboard only to pages
// from this machine or over TLS.
async function copy(code) {
  getSelection().selectAllChildren(code);
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}

function prepare() {
  const most = Math.min(10_000, Number(maxDelayMs));
  at("delay").max = most;
  at("delay").value = Math.min(500, most);
  // A server with a fixed behavior refuses calls that specify a delay.
  if (isFixed === "true") {
    at("delay").disabled = true;
    at("delay").value = "";
  }
  at("race").hidden = at("live").hidden = false;
  at("sequential").addEventListener("click", () => start("sequential"));
  at("race").addEventListener("submit", (event) => {
    event.preventDefault();
    start("together");
  });
  at("cancel").addEventListener("click", () => controller?.abort());
  addEventListener("resize", show);
  performance.setResourceTimingBufferSize(10_000);
  addCopyButtons();
  watch(showFigures, showTrouble);
}

prepare();
