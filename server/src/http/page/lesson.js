
// What a run teaches, in sentences with its own figures. Nothing is assumed about the browser: how many calls it
// kept in flight and how long it held the others back are measured in the run.
//
// A run: { way, calls, delay, wall, rows, cancelledAfter, server }; times in ms since it began, `delay` is null if
// the server decides. A row: { due, sent, done, end, said, waited, protocol }.

// The least speed-up that is clearly more than chance.
const LEAST_SHOWN = 1.5;

const has = (end) => (row) => row.end === end;

function lesson(run, other) {
  if (run.cancelledAfter !== null) return lessonOfCancelling(run);
  const failed = run.rows.filter(has("failed"));
  if (failed.length > 0) {
    return `${failed.length} of ${counted(run.calls, "call")} failed.\nThe first error: ${failed[0].said}`;
  }
  if (run.calls === 1) {
    const alone = "a single call has nothing to overlap with. Make several.";
    return `${callsOf(run)} took ${duration(run.wall)}: ${alone}`;
  }
  const comparable = other && isWhole(other) ? other : null;
  if (run.way === "together") return lessonOfBoth(run, comparable);
  if (comparable) return lessonOfBoth(comparable, run);
  const took = `${callsOf(run)} took ${duration(run.wall)} one after another: each waits for the previous one.`;
  return `${took}\nNow make them all at once.`;
}

// Whether all calls of a run were answered.
function isWhole(run) {
  return run.wall !== null && run.cancelledAfter === null && run.rows.every(has("answered"));
}

function lessonOfBoth(together, sequential) {
  const of = callsOf(together);
  const sum = sequential ? sequential.wall : total(together.rows.map((row) => row.waited));
  const oneByOne = `${sequential ? "took" : "would take at least"} ${duration(sum)} one after another`;
  const wall = duration(together.wall);
  const isShown = sum >= LEAST_SHOWN * together.wall;
  const held = heldBack(together.rows);
  const opening = isShown
    ? `Waiting is not working: ${of} ${oneByOne}, but ${wall} all at once.`
    : `${of} ${oneByOne}, and ${wall} all at once.`;
  // If all calls were in flight at once, there was no limit, and any that were late were late by chance.
  const most = mostInFlight(together.rows);
  if (held.length > 0 && most < together.calls) return `${opening}\n${lessonOfLimit(together, held, most)}`;
  if (isShown) return opening;
  return `${opening}\nThere was too little waiting to show what waiting costs: use a longer delay, or more calls.`;
}

// The lesson about calls that the browser held back.
function lessonOfLimit(run, held, most) {
  const longest = duration(Math.max(...held.map((row) => row.sent - row.due)));
  const waited = `${counted(held.length, "call")} waited in the browser (the thin lines), for up to ${longest}`;
  const what = `It was not quite at once: this browser had at most ${most} of them in flight. ${waited}.`;
  if (!run.rows.some((row) => row.protocol === "http/1.1")) return what;
  // The race is shown only if the server accepts delays.
  const example = run.delay === null ? "" : ": see the race below";
  return (
    `${what} Over HTTP/1.1, each call in flight needs its own connection, and browsers limit the connections to one ` +
    `server. Over HTTP/2, one connection carries all calls${example}.`
  );
}

function lessonOfCancelling(run) {
  const cancelled = run.rows.filter(has("cancelled")).length;
  const unmade = run.calls - run.rows.length;
  if (cancelled + unmade === 0) return "No call was cancelled: all had already ended.";
  const parts = [
    [run.rows.filter(has("answered")).length, "answered"],
    [run.rows.filter(has("failed")).length, "failed"],
    [cancelled, "cancelled"],
    [unmade, "never made"],
  ];
  const ends = parts.filter(([count]) => count > 0).map(([count, end]) => `${count} ${end}`);
  const opening = `${counted(run.calls, "call")}, given up after ${duration(run.cancelledAfter)}: ${ends.join(", ")}.`;
  return cancelled === 0 ? opening : `${opening}\n${noticed(run, cancelled)}`;
}

// What the server's counters show about the cancelled calls.
function noticed(run, cancelled) {
  if (run.server === null) return "The server's counters could not be read.";
  const counts = run.server.cancelled;
  // Whether a failed call has reached the server is not known.
  if (run.rows.some(has("failed")) && counts >= 0) return `The server counted ${counted(counts, "cancelled call")}.`;
  const reached = run.server.started - (run.rows.length - cancelled);
  if (reached < 0 || counts < 0) {
    return "The server's counters do not match: it was restarted, or another one was read.";
  }
  if (reached > cancelled || counts > cancelled) {
    return `The server counted ${counted(counts, "cancelled call")}, including those of other clients.`;
  }
  const unsent = cancelled - reached;
  if (reached === 0) return "None of them had left the browser, so there was nothing for the server to notice.";
  const which = unsent === 0 ? "" : `${unsent} of them had not left the browser. `;
  if (counts < reached) return `${which}The server has noticed ${counts} of the ${reached} that had reached it.`;
  const all = reached === 1 ? "the call that had reached it" : `all ${reached} that had reached it`;
  return `${which}The server noticed ${all}, and stopped waiting: a wait that does not block a thread can be cancelled.`;
}

// The number of calls and their delay.
function callsOf(run) {
  const calls = counted(run.calls, "call");
  if (run.delay !== null) return `${calls} of ${duration(run.delay)}`;
  return `${calls} of ${duration(total(run.rows.map((row) => row.waited)) / run.calls)} on average`;
}

// The calls that the browser sent late, by more than half the duration of the shortest call: less may be chance.
function heldBack(rows) {
  const least = Math.max(5, Math.min(...rows.map((row) => row.done - row.sent)) / 2);
  return rows.filter((row) => row.sent - row.due > least);
}

// The greatest number of calls in flight at once, from when each was sent to its end.
function mostInFlight(rows) {
  return Math.max(...rows.map((at) => rows.filter((row) => row.sent <= at.sent && at.sent < row.done).length));
}

function total(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0);
}
