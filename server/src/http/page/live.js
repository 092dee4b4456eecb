
// The server's counters.

const KIND = "GET /long_sync";
const WINDOW_MS = 10_000;

async function readStats(signal) {
  const answer = await fetch("/stats.json", { cache: "no-store", signal });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

// The calls that the server counted between two readings.
function countedBetween(before, after) {
  const ended = (stats) => total(Object.values(stats.calls_ended[KIND]));
  return {
    started: after.calls_started[KIND] - before.calls_started[KIND],
    ended: ended(after) - ended(before),
    cancelled: after.calls_ended[KIND].cancelled - before.calls_ended[KIND].cancelled,
  };
}

// Reads until all calls since `before` have ended, for at most a few seconds: the server takes a little while to
// notice a closed connection. Returns the last counts; null if nothing could be read.
async function untilEnded(before) {
  const signal = AbortSignal.timeout(3_000);
  let counts = null;
  for (let tries = 0; tries <= 20; tries += 1) {
    const stats = await readStats(signal).catch(() => null);
    if (stats === null) break;
    counts = countedBetween(before, stats);
    if (counts.started === counts.ended) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return counts;
}

// Shows figures once per second while the page is in view.
function watch(show, showTrouble) {
  let timer = null;
  let isAsking = false;
  const past = [];
  const ask = async () => {
    if (document.hidden || isAsking) return;
    isAsking = true;
    // The race may occupy all of the browser's connections.
    const late = setTimeout(() => showTrouble("waiting"), 1_500);
    const stats = await readStats().catch(() => null);
    clearTimeout(late);
    isAsking = false;
    clearTimeout(timer);
    timer = setTimeout(ask, 1_000);
    if (stats === null) return showTrouble("lost");
    keep(past, stats);
    show(figures(past));
  };
  document.addEventListener("visibilitychange", ask);
  ask();
}

// Adds a reading to those of the last few seconds. They begin anew after a gap, and if another server was read.
function keep(past, stats) {
  const age = (reading) => (stats.uptime_ns - reading.uptime_ns) / 1e6;
  if (past.length > 0 && (age(past.at(-1)) > WINDOW_MS || !continues(past.at(-1), stats))) past.length = 0;
  past.push(stats);
  while (age(past[0]) > WINDOW_MS) past.shift();
}

// Whether no counter has fallen. A restarted server counts from zero again, and behind a proxy there may be several.
function continues(before, after) {
  const counts = (stats) => [stats.uptime_ns, stats.calls_started, stats.calls_ended, byBucket(stats)];
  return hasNotFallen(counts(before), counts(after));
}

function hasNotFallen(before, after) {
  if (typeof before === "number") return before <= after;
  return Object.keys(before).every((name) => hasNotFallen(before[name], after[name] ?? 0));
}

// The number of late waits in each bucket, by its greatest value.
function byBucket(stats) {
  return Object.fromEntries(stats.lateness.buckets.map(({ up_to_ns, count }) => [up_to_ns, count]));
}

// The figures from the readings of the last few seconds, oldest first.
function figures(past) {
  const [first, last, before] = [past[0], past.at(-1), past.at(-2)];
  const ended = (stats, outcome) => total(Object.values(stats.calls_ended).map((of) => of[outcome]));
  const outcomes = Object.keys(last.calls_ended[KIND]).map((outcome) => [outcome, ended(last, outcome)]);
  const all = (stats) => total(outcomes.map(([outcome]) => ended(stats, outcome)));
  const rate = before ? (all(last) - all(before)) / ((last.uptime_ns - before.uptime_ns) / 1e9) : null;
  return {
    inFlight: last.calls_in_flight,
    rate,
    p50: lateness(first, last, 0.5),
    p99: lateness(first, last, 0.99),
    outcomes,
  };
}

// The percentile of the lateness of waits that ended between two readings, in ms; null if none did.
function lateness(first, last, part) {
  if (first === last) return null;
  const before = byBucket(first);
  const since = last.lateness.buckets.map(({ up_to_ns, count }) => [up_to_ns, count - (before[up_to_ns] ?? 0)]);
  const rank = Math.ceil(part * total(since.map(([, count]) => count)));
  if (rank === 0) return null;
  let seen = 0;
  return since.find(([, count]) => (seen += count) >= rank)[0] / 1e6;
}
