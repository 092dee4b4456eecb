// The cases of Node's @grpc/grpc-js (on Node's own HTTP/2), which reads our proto file.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import { addr, counts, installed, runCase, untilInFlight } from "./lib.mjs";

const grpc = installed("@grpc/grpc-js");
const { loadSync } = installed("@grpc/proto-loader");

const proto = fileURLToPath(new URL("../../proto", import.meta.url));
const definition = loadSync("longsync/v1/longsync.proto", { includeDirs: [proto], longs: Number, defaults: true });
const { LongSyncService } = grpc.loadPackageDefinition(definition).longsync.v1;
const client = new LongSyncService(addr, grpc.credentials.createInsecure());

// No call may hang a case: much longer than any of them takes.
const patience = () => deadlineIn(15_000);

function deadlineIn(ms) {
  return { deadline: Date.now() + ms };
}

function duration(ms) {
  return { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 };
}

function milliseconds({ seconds, nanos }) {
  return seconds * 1_000 + nanos / 1_000_000;
}

function checkTiming(timing, planned) {
  assert.equal(milliseconds(timing.planned), planned, "planned, in ms");
  const waited = milliseconds(timing.waited);
  // An upper bound that a machine under load still meets, and a mistaken unit does not.
  assert(planned <= waited && waited < planned + 5_000, `waited is ${waited} ms`);
}

// A unary call: `call` can cancel it, `answer` is a promise of its result.
function unary(request, options = patience()) {
  return once((callback) => client.longSync(request, options, callback));
}

function once(start) {
  let call;
  const answer = new Promise((resolve, reject) => {
    call = start((error, answer) => (error ? reject(error) : resolve(answer)));
  });
  return { call, answer };
}

// All answers of a stream.
async function all(stream) {
  const answers = [];
  for await (const answer of stream) {
    answers.push(answer);
  }
  return answers;
}

function first(stream) {
  return new Promise((resolve, reject) => stream.once("data", resolve).once("error", reject));
}

async function fails(promise, code) {
  await assert.rejects(promise, (error) => {
    assert.equal(grpc.status[error.code], grpc.status[code], error.message);
    return true;
  });
}

await runCase({
  async unary() {
    const payload = Buffer.from("longsync");
    const answer = await unary({ delay: duration(50), payload, echoPayload: true }).answer;
    assert.equal(answer.message, "Done!");
    assert.deepEqual(answer.payload, payload);
    checkTiming(answer.timing, 50);
    const left = milliseconds(answer.timing.deadlineLeft);
    assert(0 < left && left < 16_000, `deadlineLeft is ${left} ms`);
  },

  async stream() {
    for (const count of [3, 0]) {
      const answers = await all(client.longSyncStream({ delay: duration(20), count }, patience()));
      const indexes = answers.map((answer) => answer.index);
      assert.deepEqual(indexes, [0, 1, 2].slice(0, count));
      answers.forEach((answer) => checkTiming(answer.timing, 20));
    }
  },

  async collect() {
    const { call, answer } = once((callback) => client.longSyncCollect(patience(), callback));
    [30, 40, 50].forEach((delay) => call.write({ delay: duration(delay), payload: Buffer.alloc(2) }));
    call.end();
    const { count, payloadBytes, timing } = await answer;
    assert.deepEqual({ count, payloadBytes }, { count: 3, payloadBytes: 6 });
    checkTiming(timing, 120);
  },

  async exchange() {
    const delays = new Map([[1, 900], [2, 500], [3, 100]]);
    const call = client.longSyncExchange(patience());
    delays.forEach((delay, id) => call.write({ delay: duration(delay), id }));
    call.end();
    const answers = await all(call);
    assert.deepEqual(answers.map((answer) => answer.id), [3, 2, 1]);
    answers.forEach((answer) => checkTiming(answer.timing, delays.get(answer.id)));
  },

  async deadline() {
    await counts("LongSync", { deadline_exceeded: 2 }, async () => {
      for (const timeout of [300, 1_000]) {
        const start = performance.now();
        await fails(unary({ delay: duration(20_000) }, deadlineIn(timeout)).answer, grpc.status.DEADLINE_EXCEEDED);
        const took = performance.now() - start;
        assert(timeout * 0.9 < took && took < timeout + 1_000, `a deadline of ${timeout} ms took ${took} ms`);
      }
    });
  },

  async cancel() {
    await counts("LongSync", { cancelled: 1 }, async () => {
      const { call, answer } = unary({ delay: duration(20_000) }, {});
      await untilInFlight(1);
      call.cancel();
      await fails(answer, grpc.status.CANCELLED);
    });
  },

  // From here on, the cases are those of gRPC's own catalog, doc/interop-test-descriptions.md, with our
  // messages. Not cancel_after_begin: before Node resets a stream it ends it, and a collect that is ended
  // without requests is answered before the reset arrives.

  async cancel_after_first_response() {
    await counts("LongSyncExchange", { cancelled: 1 }, async () => {
      const call = client.longSyncExchange(patience());
      const request = { payload: Buffer.alloc(27182), responseBytes: 31415 };
      call.write({ delay: duration(0), ...request });
      // A request that is still waiting, otherwise the end of the stream alone would cause the answer.
      call.write({ delay: duration(20_000), ...request });
      const answer = await first(call);
      assert.equal(answer.payload.length, 31415);
      call.cancel();
      await fails(all(call), grpc.status.CANCELLED);
    });
  },

  async timeout_on_sleeping_server() {
    await unary({ delay: duration(0) }).answer;
    const call = client.longSyncExchange(deadlineIn(1));
    call.write({ delay: duration(20_000), payload: Buffer.alloc(27182) });
    await fails(all(call), grpc.status.DEADLINE_EXCEEDED);
    // A deadline this short may pass before the call has left the client.
    await untilInFlight(0);
  },

  async empty_stream() {
    await counts("LongSyncExchange", { answered: 1 }, async () => {
      const call = client.longSyncExchange(patience());
      call.end();
      assert.deepEqual(await all(call), []);
    });
  },

  async ping_pong() {
    await counts("LongSyncExchange", { answered: 1 }, async () => {
      const call = client.longSyncExchange(patience());
      for (const [request, response] of [[27182, 31415], [8, 9], [1828, 2653], [45904, 58979]]) {
        call.write({ delay: duration(0), payload: Buffer.alloc(request), responseBytes: response });
        const answer = await first(call);
        assert.equal(answer.payload.length, response);
      }
      call.end();
      assert.deepEqual(await all(call), []);
    });
  },

  async large_unary() {
    const request = { delay: duration(0), payload: Buffer.alloc(271828), responseBytes: 314159 };
    const answer = await unary(request).answer;
    assert.deepEqual(answer.payload, Buffer.alloc(314159));
  },
});
