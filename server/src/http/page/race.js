
// Makes the calls.

let runNumber = 0;

// Begins a run. `row.end` is null while its call is under way, then answered, failed or cancelled.
function newRun(way, calls, delay) {
  runNumber += 1;
  const name = `${Date.now()}-${runNumber}`;
  const begun = performance.now();
  return { way, calls, delay, name, begun, rows: [], wall: null, cancelledAfter: null, server: null };
}

// Makes all calls of a run; `changed` is called whenever one begins or ends.
async function makeCalls(run, signal, changed) {
  const call = (number) => makeCall(run, number, changed);
  // In reverse order: if the first calls were cancelled first, their connections would go to calls that still wait.
  signal.addEventListener("abort", () => [...run.rows].reverse().forEach((row) => row.cancel.abort()));
  if (run.way === "together") {
    await Promise.all(Array.from({ length: run.calls }, (_, number) => call(number)));
  } else {
    for (let number = 0; number < run.calls && !signal.aborted; number += 1) await call(number);
  }
  run.wall = Math.max(0, ...run.rows.map((row) => row.done));
}

async function makeCall(run, number, changed) {
  const since = () => performance.now() - run.begun;
  const row = { number, due: since(), sent: null, done: null, end: null, said: "", waited: 0, protocol: "" };
  row.cancel = new AbortController();
  const { signal } = row.cancel;
  run.rows.push(row);
  changed();
  // The id distinguishes the calls, here and in the server's log.
  const delay = run.delay === null ? "" : `delay=${run.delay}ms&`;
  const url = `/long_sync?${delay}call_id=page-${run.name}-${number}`;
  let end;
  try {
    // With a cache, a second call to the same address would wait for the first to end.
    const answer = await fetch(url, { cache: "no-store", signal });
    row.said = (await answer.text()).trim();
    row.waited = waitedByServer(answer);
    end = answer.ok ? "answered" : "failed";
  } catch (error) {
    row.said = error.message;
    end = signal.aborted ? "cancelled" : "failed";
  }
  row.done = since();
  await readTiming(run, row, url, end);
  row.end = end;
  changed();
}

// How long the server reports to have waited, in ms.
function waitedByServer(answer) {
  return Number(/\bwaited;dur=([\d.]+)/.exec(answer.headers.get("server-timing") ?? "")?.[1] ?? 0);
}

// Only the browser's resource timing knows when a request was sent, and its entry may appear a little later. A
// cancelled call may have no entry.
async function readTiming(run, row, url, end) {
  const address = new URL(url, location.href).href;
  for (let tries = 0; tries < (end === "cancelled" ? 1 : 20); tries += 1) {
    const [timing] = performance.getEntriesByName(address);
    if (timing?.requestStart > 0) {
      row.sent = Math.max(row.due, timing.requestStart - run.begun);
      row.done = Math.max(row.sent, timing.responseEnd - run.begun);
      row.protocol = timing.nextHopProtocol;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (end !== "cancelled") row.sent = Math.max(row.due, row.done - row.waited);
}
