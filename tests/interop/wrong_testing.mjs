// The cases of grpc_js_testing.mjs have to fail when the server is wrong: each runs against a server of
// @grpc/grpc-js that serves grpc.testing.TestService well, and then against one with a single mistake.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

import { installed, runCase } from "./lib.mjs";

const grpc = installed("@grpc/grpc-js");
const { loadSync } = installed("@grpc/proto-loader");

const proto = fileURLToPath(new URL("../../proto", import.meta.url));
const definition = loadSync("grpc/testing/test.proto", { includeDirs: [proto], defaults: true });
const { service } = grpc.loadPackageDefinition(definition).grpc.testing.TestService;
const CLIENT = fileURLToPath(new URL("grpc_js_testing.mjs", import.meta.url));
const SECONDS = 12;

const INITIAL = "x-grpc-test-echo-initial";
const TRAILING = "x-grpc-test-echo-trailing-bin";

// Sends the initial metadata that a call asks for, and returns the trailing.
function echo(call) {
  const copied = (name) => {
    const metadata = new grpc.Metadata();
    call.metadata.get(name).forEach((value) => metadata.set(name, value));
    return metadata;
  };
  call.sendMetadata(copied(INITIAL));
  return copied(TRAILING);
}

function zeros(size) {
  return { payload: { body: Buffer.alloc(size) } };
}

function asked({ responseStatus }) {
  return responseStatus?.code ? { code: responseStatus.code, details: responseStatus.message } : null;
}

const right = {
  emptyCall: (_, done) => done(null, {}),

  unaryCall(call, done) {
    const trailing = echo(call);
    done(asked(call.request), zeros(call.request.responseSize), trailing);
  },

  streamingInputCall(call, done) {
    let aggregatedPayloadSize = 0;
    call.on("data", (request) => (aggregatedPayloadSize += request.payload.body.length));
    call.on("end", () => done(null, { aggregatedPayloadSize }));
  },

  streamingOutputCall(call) {
    call.request.responseParameters.forEach(({ size }) => call.write(zeros(size)));
    call.end();
  },

  fullDuplexCall(call) {
    const trailing = echo(call);
    call.on("data", (request) => {
      const status = asked(request);
      if (status) {
        call.emit("error", status);
      } else {
        request.responseParameters.forEach(({ size }) => call.write(zeros(size)));
      }
    });
    call.on("end", () => call.end(trailing));
  },
};

// A service of one call, which is answered although nobody has it.
function unimplemented(name) {
  const same = (bytes) => bytes;
  const unimplementedCall = {
    path: `/grpc.testing.${name}/UnimplementedCall`,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  return [{ unimplementedCall }, { unimplementedCall: (_, done) => done(null, Buffer.alloc(0)) }];
}

// What the client's case said against a server with these services, each a definition and its handlers.
async function against(services, name) {
  const server = new grpc.Server();
  services.forEach(([definition, handlers]) => server.addService(definition, handlers));
  const port = await new Promise((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const flags = ["--server_host=127.0.0.1", `--server_port=${port}`, "--use_tls=false", `--test_case=${name}`];
  const said = await new Promise((resolve) => {
    execFile("node", [CLIENT, ...flags], { timeout: SECONDS * 1_000 }, (error, _, stderr) => {
      assert.equal(error === null, stderr === "", `${error}: ${stderr}`);
      resolve(stderr);
    });
  });
  server.forceShutdown();
  return said;
}

// Runs the case of this name against both servers. The wrong one has other handlers, another definition of its
// service, or a service besides.
async function fails(name, { handlers, definition, besides = [] }) {
  assert.equal(await against([[service, right]], name), "", "with a server that is right");
  const wrong = [[{ ...service, ...definition }, { ...right, ...handlers }], ...besides];
  assert.match(await against(wrong, name), /^AssertionError: /, "with a server that is wrong");
}

// Everything fails once `broken` is true.
const state = { broken: false };
const emptyCallUnlessBroken = (_, done) => done(state.broken ? { code: grpc.status.INTERNAL } : null, {});

await runCase({
  async empty_unary() {
    const responseSerialize = () => Buffer.from([8, 1]);
    await fails("empty_unary", { definition: { EmptyCall: { ...service.EmptyCall, responseSerialize } } });
  },

  async large_unary() {
    const unaryCall = (call, done) => done(null, zeros(call.request.responseSize - 1));
    await fails("large_unary", { handlers: { unaryCall } });
  },

  async client_streaming() {
    const streamingInputCall = (call, done) => {
      // Answers the first request, not all.
      call.once("data", (request) => done(null, { aggregatedPayloadSize: request.payload.body.length }));
    };
    await fails("client_streaming", { handlers: { streamingInputCall } });
  },

  async server_streaming() {
    const streamingOutputCall = (call) => {
      call.request.responseParameters.reverse().forEach(({ size }) => call.write(zeros(size)));
      call.end();
    };
    await fails("server_streaming", { handlers: { streamingOutputCall } });
  },

  async ping_pong() {
    const fullDuplexCall = (call) => {
      call.on("data", (request) => request.responseParameters.forEach(({ size }) => call.write(zeros(size))));
      call.on("end", () => {
        call.write(zeros(1));
        call.end();
      });
    };
    await fails("ping_pong", { handlers: { fullDuplexCall } });
  },

  async empty_stream() {
    const fullDuplexCall = (call) => {
      call.write(zeros(0));
      call.end();
    };
    await fails("empty_stream", { handlers: { fullDuplexCall } });
  },

  async custom_metadata() {
    const unaryCall = (call, done) => {
      echo(call);
      done(null, zeros(call.request.responseSize));
    };
    await fails("custom_metadata", { handlers: { unaryCall } });
  },

  async status_code_and_message() {
    const fullDuplexCall = (call) => {
      call.on("data", (request) => call.emit("error", { ...asked(request), code: grpc.status.INTERNAL }));
    };
    await fails("status_code_and_message", { handlers: { fullDuplexCall } });
  },

  async special_status_message() {
    const unaryCall = (call, done) => {
      const { code, details } = asked(call.request);
      done({ code, details: details.trim() });
    };
    await fails("special_status_message", { handlers: { unaryCall } });
  },

  async unimplemented_method() {
    await fails("unimplemented_method", { besides: [unimplemented("TestService")] });
  },

  async unimplemented_service() {
    await fails("unimplemented_service", { besides: [unimplemented("UnimplementedService")] });
  },

  async cancel_after_begin() {
    const streamingInputCall = () => (state.broken = true);
    await fails("cancel_after_begin", { handlers: { streamingInputCall, emptyCall: emptyCallUnlessBroken } });
  },

  async cancel_after_first_response() {
    const fullDuplexCall = (call) => {
      call.once("data", (request) => {
        call.write(zeros(request.responseParameters[0].size));
        state.broken = true;
      });
    };
    await fails("cancel_after_first_response", { handlers: { fullDuplexCall, emptyCall: emptyCallUnlessBroken } });
  },

  async timeout_on_sleeping_server() {
    const fullDuplexCall = (call) => call.once("data", () => call.end());
    await fails("timeout_on_sleeping_server", { handlers: { fullDuplexCall } });
  },
});
