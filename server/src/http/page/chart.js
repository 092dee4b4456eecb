
// The chart: the bars of both ways on one time axis.

const WAYS = { sequential: "one after another", together: "all at once" };
const LOOKS = {
  running: "not answered yet",
  answered: "answered",
  held: "waiting in the browser",
  failed: "failed",
  cancelled: "cancelled",
};
const HEADING = 26;

function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Draws the runs as of `now`, in ms of the page's clock.
function draw(chart, runs, now) {
  const end = axisEnd(runs, now);
  const drawn = [];
  let y = 0;
  for (const run of runs) {
    const words = (attributes, text) => drawn.push(svg("text", { y: y + 13, ...attributes }, text));
    words({ class: "name", x: 0 }, WAYS[run.way]);
    if (run.wall !== null) words({ class: "wall", x: "100%", "text-anchor": "end" }, duration(run.wall));
    y += HEADING;
    const pitch = run.calls > 32 ? 7 : run.calls > 16 ? 10 : 14;
    for (const row of run.rows) drawn.push(...bars(row, y + pitch * row.number, 0.75 * pitch, end, now - run.begun));
    y += pitch * run.calls + 16;
  }
  chart.setAttribute("height", y + 18);
  chart.replaceChildren(hatching(), ...axis(end, y, chart.clientWidth), ...drawn);
}

// One row: a thin line while the browser holds the call back, a bar while it is in flight.
function bars(row, y, height, end, elapsed) {
  const across = (ms) => `${(100 * ms) / end}%`;
  const bar = (look, from, to, thickness) => {
    const place = { x: across(from), y: y + (height - thickness) / 2, width: across(Math.max(to - from, end / 400)) };
    const told = `call ${row.number + 1}: ${LOOKS[look]}, ${duration(from)} to ${duration(to)}`;
    return svg("rect", { class: look, ...place, height: thickness, rx: 2 }, svg("title", {}, told));
  };
  if (row.end === null) return [bar("running", row.due, Math.max(elapsed, row.due), height - 1)];
  // A call that was cancelled before it was sent has no time of sending.
  const sent = row.sent ?? row.due;
  const drawn = [bar(row.end, sent, row.done, row.end === "answered" ? height : height - 1)];
  if (isVisible(row, end)) drawn.unshift(bar("held", row.due, sent, 2));
  return drawn;
}

// Whether the time in the browser is long enough to be visible.
function isVisible(row, end) {
  return row.sent !== null && row.sent - row.due > end / 200;
}

// Long enough for the sequential calls even before they are made, so that both ways can be compared at a glance.
function axisEnd(runs, now) {
  const planned = (run) => (run.cancelledAfter === null ? run.calls * (run.delay ?? 0) : 0);
  const ends = runs.map((run) => Math.max(run.wall ?? now - run.begun, planned(run)));
  return Math.max(1, ...ends) * 1.01;
}

function axis(end, bottom, width) {
  const step = tickStep(end, Math.max(2, Math.floor(width / 90)));
  const drawn = [];
  for (let at = 0; at <= end; at += step) {
    const x = `${(100 * at) / end}%`;
    const anchor = at === 0 ? "start" : at > 0.95 * end ? "end" : "middle";
    drawn.push(svg("line", { class: "grid", x1: x, x2: x, y1: HEADING - 4, y2: bottom }));
    drawn.push(svg("text", { x, y: bottom + 16, "text-anchor": anchor }, duration(at)));
  }
  return drawn;
}

// The least of 1, 2, 5, 10, 20, ... that gives at most `most` ticks.
function tickStep(end, most) {
  for (let power = 1; ; power *= 10) {
    for (const step of [power, 2 * power, 5 * power]) if (end / step <= most) return step;
  }
}

function hatching() {
  const line = svg("line", { class: "hatching", x1: 3, x2: 3, y2: 6 });
  const pattern = { id: "hatched", width: 6, height: 6, patternTransform: "rotate(45)" };
  return svg("defs", {}, svg("pattern", { ...pattern, patternUnits: "userSpaceOnUse" }, line));
}

// The legend of the looks that occur in the chart.
function drawKey(key, runs) {
  const rows = runs.flatMap((run) => run.rows);
  const end = axisEnd(runs, performance.now());
  const seen = new Set(rows.map((row) => row.end ?? "running"));
  if (rows.some((row) => isVisible(row, end))) seen.add("held");
  const looks = Object.keys(LOOKS).filter((look) => seen.has(look));
  key.replaceChildren(...looks.map((look) => {
    const height = look === "held" ? 2 : 9;
    const bar = svg("rect", { class: look, x: 1, y: (12 - height) / 2, width: 22, height, rx: 2 });
    const entry = document.createElement("span");
    entry.append(svg("svg", { "aria-hidden": true }, bar), LOOKS[look]);
    return entry;
  }));
}

// The chart in words, for screen readers.
function describe(runs) {
  return runs.map((run) => {
    const ends = Object.keys(LOOKS).map((look) => [run.rows.filter(has(look)).length, LOOKS[look]]);
    const parts = ends.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
    const wall = run.wall === null ? "under way" : `${duration(run.wall)} in total`;
    return `${WAYS[run.way]}: ${counted(run.calls, "call")}, ${[...parts, wall].join(", ")}`;
  }).join("; ");
}
