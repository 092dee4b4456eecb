// Shared by the cases of the Node clients. `run` starts each case in a process of its own, with the server's
// address in ADDR and the directory of npm's packages in NODE_PACKAGES; a case fails with its reason on
// stderr.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

export const addr = process.env.ADDR;

// The packages are not next to the sources, where `import` would look for them.
export const installed = createRequire(`${process.env.NODE_PACKAGES}/`);

async function metrics() {
  const answer = await fetch(`http://${addr}/metrics`);
  return answer.text();
}

async function until(what, value, expected) {
  const end = performance.now() + 10_000;
  for (;;) {
    const found = await value();
    try {
      return assert.deepEqual(found, expected);
    } catch {
      const [wanted, seen] = [expected, found].map((each) => JSON.stringify(each));
      assert(performance.now() < end, `expected ${what} to become ${wanted}, found ${seen} after 10 s`);
    }
    await sleep(20);
  }
}

export async function untilInFlight(expected) {
  const inFlight = async () => Number(/^longsync_calls_in_flight (\d+)$/m.exec(await metrics())[1]);
  await until("calls in flight", inFlight, expected);
}

// How many calls of an RPC ended with each outcome.
async function ended(rpc) {
  const counter = new RegExp(`^longsync_calls_ended_total\\{rpc="${rpc}",outcome="(\\w+)"\\} (\\d+)$`, "gm");
  return [...(await metrics()).matchAll(counter)].map(([, outcome, count]) => [outcome, Number(count)]);
}

// Checks that the body ends this many calls of an RPC with each outcome, no others, and leaves none in
// flight.
export async function counts(rpc, expected, body) {
  await untilInFlight(0);
  const before = Object.fromEntries(await ended(rpc));
  const since = async () => {
    const grown = (await ended(rpc)).map(([outcome, count]) => [outcome, count - before[outcome]]);
    return Object.fromEntries(grown.filter(([, count]) => count !== 0));
  };
  await body();
  const what = `what the server counted of ${rpc}`;
  await until(what, since, expected);
  await untilInFlight(0);
  assert.deepEqual(await since(), expected, what);
}

// Runs the case that the command line names. Its failure is one sentence instead of a stack trace.
export async function runCase(cases, name = process.argv[2]) {
  try {
    await cases[name]();
    process.exit(0);
  } catch (error) {
    const where = /\bat .*:(\d+):\d+/.exec(error.stack?.split("\n").find((line) => line.includes(process.argv[1])));
    console.error(`${error.name}: ${error.message} (line ${where?.[1]})`);
    process.exit(1);
  }
}
