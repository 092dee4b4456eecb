// The cases of gRPC's interop tests (doc/interop-test-descriptions.md) by Node's @grpc/grpc-js, which publishes no
// interop client of its own. Takes the flags of the clients that others publish.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { installed, runCase } from "./lib.mjs";

const string = { type: "string" };
const { values: flags } = parseArgs({
  options: { server_host: string, server_port: string, use_tls: string, test_case: string },
});

const grpc = installed("@grpc/grpc-js");
const { loadSync } = installed("@grpc/proto-loader");

const proto = fileURLToPath(new URL("../../proto", import.meta.url));
const definition = loadSync("grpc/testing/test.proto", { includeDirs: [proto], defaults: true });
const { TestService } = grpc.loadPackageDefinition(definition).grpc.testing;
const address = `${flags.server_host}:${flags.server_port}`;
const client = new TestService(address, grpc.credentials.createInsecure());

const REQUEST_SIZES = [27182, 8, 1828, 45904];
const RESPONSE_SIZES = [31415, 9, 2653, 58979];
const LARGE = 314159;
const PAYLOAD_OF_LARGE = payload(271828);
const [INITIAL, INITIAL_VALUE] = ["x-grpc-test-echo-initial", "test_initial_metadata_value"];
const [TRAILING, TRAILING_VALUE] = ["x-grpc-test-echo-trailing-bin", Buffer.from("ababab", "hex")];
const SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
const { OK, CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED } = grpc.status;

// No call may hang a case: much longer than any of them takes.
const patience = () => within(10_000);

function within(ms) {
  return { deadline: Date.now() + ms };
}

function payload(size) {
  return { body: Buffer.alloc(size) };
}

function asking(requestSize, responseSize) {
  return { payload: payload(requestSize), responseParameters: [{ size: responseSize }] };
}

function sizes(messages) {
  return messages.map((message) => message.payload.body.length);
}

// The status, the answer and the initial metadata of a unary call that `start` begins with a callback.
function unary(start) {
  return new Promise((resolve) => {
    const seen = {};
    const call = start((_, answer) => (seen.answer = answer));
    call.on("metadata", (metadata) => (seen.initial = metadata));
    // The last event of a call.
    call.on("status", (status) => resolve({ ...seen, status }));
  });
}

function unaryCall(request, metadata = new grpc.Metadata()) {
  return unary((callback) => client.unaryCall(request, metadata, patience(), callback));
}

// The status, the answers and the initial metadata of a stream of answers. `each` is called after each answer.
async function streamed(call, each = () => {}) {
  const [seen, answers] = [{}, []];
  call.on("metadata", (metadata) => (seen.initial = metadata));
  const ended = new Promise((resolve) => call.on("status", resolve));
  try {
    for await (const answer of call) {
      answers.push(answer);
      each(answers.length);
    }
  } catch {
    // The status says it too.
  }
  return { ...seen, answers, status: await ended };
}

function checkStatus(status, code, message = status.details) {
  assert.deepEqual([grpc.status[status.code], status.details], [grpc.status[code], message]);
}

// An empty call, without looking into its bytes.
function emptyCall(path) {
  const same = (bytes) => bytes;
  const [nothing, metadata] = [Buffer.alloc(0), new grpc.Metadata()];
  return unary((callback) => client.makeUnaryRequest(path, same, same, nothing, metadata, patience(), callback));
}

async function checkEmptyCall() {
  const { status, answer } = await emptyCall("/grpc.testing.TestService/EmptyCall");
  checkStatus(status, OK);
  assert.equal(answer.length, 0, "bytes of the answer");
}

await runCase({
  async empty_unary() {
    await checkEmptyCall();
  },

  async large_unary() {
    const { status, answer } = await unaryCall({ responseSize: LARGE, payload: PAYLOAD_OF_LARGE });
    checkStatus(status, OK);
    assert.deepEqual(answer.payload.body, Buffer.alloc(LARGE));
  },

  async client_streaming() {
    const { status, answer } = await unary((callback) => {
      const call = client.streamingInputCall(patience(), callback);
      REQUEST_SIZES.forEach((size) => call.write({ payload: payload(size) }));
      call.end();
      return call;
    });
    checkStatus(status, OK);
    assert.equal(answer.aggregatedPayloadSize, 74922);
  },

  async server_streaming() {
    const responseParameters = RESPONSE_SIZES.map((size) => ({ size }));
    const { status, answers } = await streamed(client.streamingOutputCall({ responseParameters }, patience()));
    checkStatus(status, OK);
    assert.deepEqual(sizes(answers), RESPONSE_SIZES);
  },

  async ping_pong() {
    const call = client.fullDuplexCall(patience());
    const send = (turn) => {
      if (turn < REQUEST_SIZES.length) {
        call.write(asking(REQUEST_SIZES[turn], RESPONSE_SIZES[turn]));
      } else {
        call.end();
      }
    };
    send(0);
    const { status, answers } = await streamed(call, send);
    checkStatus(status, OK);
    assert.deepEqual(sizes(answers), RESPONSE_SIZES);
  },

  async empty_stream() {
    const call = client.fullDuplexCall(patience());
    call.end();
    const { status, answers } = await streamed(call);
    checkStatus(status, OK);
    assert.deepEqual(answers, []);
  },

  async custom_metadata() {
    const metadata = new grpc.Metadata();
    metadata.set(INITIAL, INITIAL_VALUE);
    metadata.set(TRAILING, TRAILING_VALUE);
    const duplex = client.fullDuplexCall(metadata, patience());
    duplex.write({ payload: PAYLOAD_OF_LARGE, responseParameters: [{ size: LARGE }] });
    duplex.end();
    const both = [unaryCall({ responseSize: LARGE, payload: PAYLOAD_OF_LARGE }, metadata), streamed(duplex)];
    for (const { status, initial } of await Promise.all(both)) {
      checkStatus(status, OK);
      assert.deepEqual(initial.get(INITIAL), [INITIAL_VALUE]);
      assert.deepEqual(status.metadata.get(TRAILING), [TRAILING_VALUE]);
    }
  },

  async status_code_and_message() {
    const request = { responseStatus: { code: UNKNOWN, message: "test status message" } };
    const duplex = client.fullDuplexCall(patience());
    duplex.write(request);
    duplex.end();
    for (const { status } of await Promise.all([unaryCall(request), streamed(duplex)])) {
      checkStatus(status, UNKNOWN, "test status message");
    }
  },

  async special_status_message() {
    const { status } = await unaryCall({ responseStatus: { code: UNKNOWN, message: SPECIAL_MESSAGE } });
    checkStatus(status, UNKNOWN, SPECIAL_MESSAGE);
  },

  async unimplemented_method() {
    const { status } = await emptyCall("/grpc.testing.TestService/UnimplementedCall");
    checkStatus(status, UNIMPLEMENTED);
  },

  async unimplemented_service() {
    const { status } = await emptyCall("/grpc.testing.UnimplementedService/UnimplementedCall");
    checkStatus(status, UNIMPLEMENTED);
  },

  // A cancelled call ends as the client itself decides, whatever the server does. So after it another call has to
  // succeed.

  async cancel_after_begin() {
    // Before the channel is connected, nothing of the call would leave the client.
    await checkEmptyCall();
    const { status } = await unary((callback) => {
      const call = client.streamingInputCall(patience(), callback);
      // In the same turn, not even the headers would.
      setImmediate(() => call.cancel());
      return call;
    });
    checkStatus(status, CANCELLED);
    await checkEmptyCall();
  },

  async cancel_after_first_response() {
    const call = client.fullDuplexCall(patience());
    call.write(asking(REQUEST_SIZES[0], RESPONSE_SIZES[0]));
    const { status, answers } = await streamed(call, () => call.cancel());
    checkStatus(status, CANCELLED);
    assert.deepEqual(sizes(answers), RESPONSE_SIZES.slice(0, 1));
    await checkEmptyCall();
  },

  async timeout_on_sleeping_server() {
    await checkEmptyCall();
    // 1 ms may pass before the call has left the client; the second one shows that the server really sleeps.
    for (const ms of [1, 250]) {
      const call = client.fullDuplexCall(within(ms));
      call.write({ payload: payload(REQUEST_SIZES[0]) });
      const { status } = await streamed(call);
      checkStatus(status, DEADLINE_EXCEEDED);
    }
  },
}, flags.test_case);
