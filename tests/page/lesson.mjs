// Tests the page's sentences about runs with known figures, and its figures from known counters. It runs the page's
// own files, without a browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import vm from "node:vm";

import { runCase } from "../interop/lib.mjs";

const sources = ["words", "lesson", "live"].map((name) => new URL(`../../server/src/http/page/${name}.js`, import.meta.url));
const page = vm.createContext({ AbortSignal, setTimeout });
vm.runInContext(sources.map((source) => readFileSync(source, "utf8")).join(""), page);

// A run of calls of 500 ms; `sent` lists when each was sent and when it was done.
function run(way, sent, more = {}) {
  const rows = sent.map(([from, to], number) => ({
    number,
    due: way === "together" ? 0 : from,
    sent: from,
    done: to,
    end: "answered",
    said: "Done!",
    waited: 500,
    protocol: "http/1.1",
  }));
  const wall = Math.max(0, ...rows.map((row) => row.done));
  return { way, calls: rows.length, delay: 500, wall, rows, cancelledAfter: null, server: null, ...more };
}

const sequential = (count) => run("sequential", Array.from({ length: count }, (_, at) => [505 * at, 505 * at + 504]));
const together = (count) => run("together", Array.from({ length: count }, () => [2, 507]));
// As with six connections.
const limited = (count) =>
  run("together", Array.from({ length: count }, (_, at) => [2 + 505 * Math.floor(at / 6), 506 + 505 * Math.floor(at / 6)]));

// A run of `count` calls that was cancelled after 300 ms; `server` is what the server counted.
function cancelled(count, server) {
  const given = together(count);
  for (const row of given.rows) Object.assign(row, { sent: null, done: 300, end: "cancelled", waited: 0 });
  return { ...given, wall: 300, cancelledAfter: 300, server };
}

// What a server counted: `ended` calls, all answered, each of them `late` ns late, after `seconds` of uptime.
function counters(seconds, ended, late = 1_023) {
  const [none, all] = [{ answered: 0, cancelled: 0 }, { answered: ended, cancelled: 0 }];
  return {
    uptime_ns: 1e9 * seconds,
    calls_in_flight: 0,
    calls_started: { LongSync: 0, "GET /long_sync": ended },
    calls_ended: { LongSync: none, "GET /long_sync": all },
    lateness: { count: ended, buckets: ended === 0 ? [] : [{ up_to_ns: late, count: ended }] },
  };
}

// The figures after these readings.
function figuresAfter(...readings) {
  const past = [];
  for (const reading of readings) page.keep(past, reading);
  return page.figures(past);
}

const cases = {
  async durations_have_three_digits_and_one_unit() {
    const texts = [
      [0, "0s"], [0.0005, "500ns"], [0.0123, "12.3us"], [0.9996, "1ms"], [1, "1ms"], [506.6, "507ms"],
      [999.6, "1s"], [3024, "3.02s"], [75_000, "75s"], [640_000, "640s"],
    ];
    for (const [ms, text] of texts) assert.equal(page.duration(ms), text, String(ms));
  },

  async one_way_alone_says_what_to_try_next() {
    const said = page.lesson(sequential(6), undefined);
    assert.match(said, /^6 calls of 500ms took 3\.03s one after another: each waits .*\nNow make them all at once\.$/);
    assert.equal(
      page.lesson(together(6), undefined),
      "Waiting is not working: 6 calls of 500ms would take at least 3s one after another, but 507ms all at once.",
    );
    assert.match(page.lesson(together(1), undefined), /^1 call of 500ms took 507ms: a single call has nothing to overlap with/);
  },

  async both_ways_are_compared_whichever_came_last() {
    const both = "Waiting is not working: 6 calls of 500ms took 3.03s one after another, but 507ms all at once.";
    assert.equal(page.lesson(together(6), sequential(6)), both);
    assert.equal(page.lesson(sequential(6), together(6)), both);
  },

  async the_limit_is_the_one_that_the_run_showed() {
    const said = page.lesson(limited(14), sequential(14));
    assert.match(said, /but 1\.52s all at once\.\nIt was not quite at once: this browser had at most 6 of them in flight/);
    assert.match(said, /8 calls waited in the browser \(the thin lines\), for up to 1\.01s\. Over HTTP\/1\.1, /);
    // Without a limit, or without HTTP/1.1, neither is mentioned.
    assert.doesNotMatch(page.lesson(together(14), sequential(14)), /in flight|HTTP/);
    const http2 = limited(12);
    for (const row of http2.rows) row.protocol = "h2";
    const of_http2 = page.lesson(http2, undefined);
    assert.ok(of_http2.includes("6 calls waited in the browser") && !of_http2.includes("HTTP"), of_http2);
  },

  async calls_that_were_late_by_chance_are_not_a_limit() {
    const late = together(3);
    late.rows.forEach((row) => Object.assign(row, { sent: 300, done: 805 }));
    const said = page.lesson({ ...late, wall: 805 }, undefined);
    assert.equal(said, "Waiting is not working: 3 calls of 500ms would take at least 1.5s one after another, but 805ms all at once.");
  },

  async calls_without_a_delay_are_too_short_to_show_anything() {
    const short = run("together", Array.from({ length: 6 }, () => [1, 2]), { delay: 0 });
    for (const row of short.rows) row.waited = 0;
    assert.match(page.lesson(short, undefined), /There was too little waiting/);
  },

  async if_the_server_chooses_the_delay_its_waits_are_shown() {
    const drawn = { ...together(4), delay: null };
    drawn.rows.forEach((row, at) => (row.waited = [100, 200, 300, 400][at]));
    assert.match(page.lesson(drawn, undefined), /4 calls of 250ms on average would take at least 1s one after another/);
  },

  async the_race_is_named_only_if_the_page_shows_it() {
    assert.match(page.lesson(limited(14), undefined), /Over HTTP\/2, one connection carries all calls: see the race below\.$/);
    assert.match(page.lesson({ ...limited(14), delay: null }, undefined), /Over HTTP\/2, one connection carries all calls\.$/);
  },

  async a_failure_is_shown_in_the_servers_words() {
    const failing = together(3);
    Object.assign(failing.rows[1], { end: "failed", said: "delay: a delay of 2h is over this server's limit" });
    assert.equal(
      page.lesson(failing, undefined),
      "1 of 3 calls failed.\nThe first error: delay: a delay of 2h is over this server's limit",
    );
  },

  async the_cancelled_calls_that_the_server_noticed_are_those_that_it_counted() {
    const all = page.lesson(cancelled(6, { started: 6, ended: 6, cancelled: 6 }), undefined);
    assert.match(all, /^6 calls, given up after 300ms: 6 cancelled\.\nThe server noticed all 6 that had reached it, and/);
    const half = page.lesson(cancelled(12, { started: 6, ended: 6, cancelled: 6 }), undefined);
    assert.match(half, /12 cancelled\.\n6 of them had not left the browser\. The server noticed all 6 that had reached it/);
    const none = page.lesson(cancelled(2, { started: 0, ended: 0, cancelled: 0 }), undefined);
    assert.match(none, /None of them had left the browser/);
    const late = page.lesson(cancelled(6, { started: 6, ended: 4, cancelled: 4 }), undefined);
    assert.match(late, /The server has noticed 4 of the 6 that had reached it\.$/);
    const others = page.lesson(cancelled(6, { started: 9, ended: 9, cancelled: 8 }), undefined);
    assert.match(others, /The server counted 8 cancelled calls, including those of other clients\.$/);
    assert.match(page.lesson(cancelled(6, null), undefined), /could not be read/);
  },

  async counters_of_another_server_are_not_taken_for_this_one() {
    const given = sequential(3);
    Object.assign(given.rows[2], { sent: null, done: 1200, end: "cancelled" });
    for (const server of [{ started: 0, ended: 0, cancelled: 0 }, { started: -40, ended: -39, cancelled: -2 }]) {
      const said = page.lesson({ ...given, cancelledAfter: 1200, server }, undefined);
      assert.match(said, /2 answered, 1 cancelled\.\nThe server's counters do not match: /);
    }
  },

  async after_failures_only_what_the_server_counted_is_said() {
    const given = cancelled(3, { started: 1, ended: 1, cancelled: 1 });
    for (const row of given.rows.slice(1)) row.end = "failed";
    const said = page.lesson(given, undefined);
    assert.equal(said, "3 calls, given up after 300ms: 2 failed, 1 cancelled.\nThe server counted 1 cancelled call.");
  },

  async sequential_calls_after_a_cancellation_are_never_made() {
    const given = sequential(2);
    Object.assign(given.rows[1], { sent: null, done: 700, end: "cancelled" });
    const stopped = { ...given, calls: 6, wall: 700, cancelledAfter: 700, server: { started: 2, ended: 2, cancelled: 1 } };
    assert.match(
      page.lesson(stopped, undefined),
      /^6 calls, given up after 700ms: 1 answered, 1 cancelled, 4 never made\.\nThe server noticed the call that had/,
    );
    const late = { ...together(6), cancelledAfter: 507, server: null };
    assert.equal(page.lesson(late, undefined), "No call was cancelled: all had already ended.");
  },

  async figures_are_those_of_the_last_seconds() {
    const { rate, p50 } = figuresAfter(counters(1, 0), counters(2, 10), counters(3, 40));
    assert.deepEqual([rate, p50], [30, 1_023 / 1e6]);
    // 11 s later, only the last 10 s count, in which no call ended.
    const later = Array.from({ length: 11 }, (_, at) => counters(4 + at, 40));
    const { rate: none, p99 } = figuresAfter(counters(2, 10), counters(3, 40), ...later);
    assert.deepEqual([none, p99], [0, null]);
  },

  async figures_begin_anew_after_a_gap() {
    const { rate, p50 } = figuresAfter(counters(1, 5), counters(2, 10), counters(62, 5_000));
    assert.deepEqual([rate, p50], [null, null]);
    assert.equal(figuresAfter(counters(1, 5), counters(62, 5_000), counters(63, 5_020)).rate, 20);
  },

  async figures_begin_anew_if_a_counter_has_fallen() {
    for (const other of [counters(0.5, 200), counters(3, 20), counters(3, 200, 2_047)]) {
      const { rate, p50, p99 } = figuresAfter(counters(1, 90), counters(2, 100), other);
      assert.deepEqual([rate, p50, p99], [null, null, null], JSON.stringify(other));
    }
  },

  async after_a_cancellation_the_last_counters_that_could_be_read_are_used() {
    const stats = (started, cancelled) => ({
      calls_started: { "GET /long_sync": started },
      calls_ended: { "GET /long_sync": { answered: 0, cancelled } },
    });
    const untilEnded = (...readings) => {
      page.fetch = async () => {
        const reading = readings.shift();
        if (reading === undefined) throw new TypeError("Failed to fetch");
        return { ok: true, json: async () => reading };
      };
      return page.untilEnded(stats(5, 5));
    };
    const counts = { ...(await untilEnded(stats(8, 5), stats(8, 6))) };
    assert.deepEqual(counts, { started: 3, ended: 1, cancelled: 1 });
    assert.equal((await untilEnded(stats(8, 5), stats(8, 8), stats(9, 8))).started, 3, "it reads no longer than needed");
    assert.equal(await untilEnded(), null);
  },
};

await runCase(cases);
