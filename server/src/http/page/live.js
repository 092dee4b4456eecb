
// The server's counters.

const KIND = "GET /long_sync";
const WINDOW_MS = 10_000;

async function readStats() {
  const answer = await fetch("/stats.json", { cache: "no-store" });
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

// Reads until all calls since `before` have ended, for at most a second: the server takes a little while to notice a
// closed connection.
async function untilEnded(before) {
  for (let tries = 0; ; tries += 1) {
    const counts = countedBetween(before, await readStats());
    if (counts.started === counts.ended || tries === 20) return counts;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
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
    try {
      const stats = await readStats();
      // A restarted server counts from zero again.
      if (past.length > 0 && stats.uptime_ns < past.at(-1).uptime_ns) past.length = 0;
      past.push(stats);
      while (stats.uptime_ns - past[0].uptime_ns > 1e6 * WINDOW_MS && past.length > 2) past.shift();
      show(figures(past));
    } catch {
      showTrouble("lost");
    }
    clearTimeout(late);
    isAsking = false;
    clearTimeout(timer);
    timer = setTimeout(ask, 1_000);
  };
  document.addEventListener("visibilitychange", ask);
  ask();
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
  const before = new Map(first.lateness.buckets.map(({ up_to_ns, count }) => [up_to_ns, count]));
  const since = last.lateness.buckets.map(({ up_to_ns, count }) => [up_to_ns, count - (before.get(up_to_ns) ?? 0)]);
  const rank = Math.ceil(part * total(since.map(([, count]) => count)));
  if (rank === 0) return null;
  let seen = 0;
  return since.find(([, count]) => (seen += count) >= rank)[0] / 1e6;
}
