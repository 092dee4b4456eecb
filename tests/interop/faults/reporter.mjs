// The calls that with_command.py asks for, with Node's @grpc/grpc-js, which reads our proto file: `report
// RPC@ADDRESS...` and `retry ADDRESS COUNT PREFIX [MS]`. Prints a line of JSON per call.

import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { installed } from "../lib.mjs";

const grpc = installed("@grpc/grpc-js");
const { loadSync } = installed("@grpc/proto-loader");

const proto = fileURLToPath(new URL("../../../proto", import.meta.url));
const definition = loadSync("longsync/v1/longsync.proto", { includeDirs: [proto], longs: Number, defaults: true });
const { LongSyncService } = grpc.loadPackageDefinition(definition).longsync.v1;

const policy = JSON.stringify({
  methodConfig: [{
    name: [{}],
    retryPolicy: {
      maxAttempts: 4,
      initialBackoff: "0.02s",
      maxBackoff: "0.02s",
      backoffMultiplier: 1,
      retryableStatusCodes: ["UNAVAILABLE"],
    },
  }],
});

const deadline = (ms) => ({ deadline: Date.now() + ms });

function connect(address, options = {}) {
  return new LongSyncService(address, grpc.credentials.createInsecure(), options);
}

// The answers of a call, and the error with which it ends if it does.
async function made(client, rpc, callId, options, fields = {}) {
  const answers = [];
  try {
    if (rpc === "LongSync") {
      answers.push(await new Promise((resolve, reject) => {
        client.longSync({ callId, ...fields }, options, (error, answer) => (error ? reject(error) : resolve(answer)));
      }));
    } else {
      for await (const answer of client.longSyncStream({ callId, count: 3 }, options)) {
        answers.push(answer);
      }
    }
    return { answers, code: "OK", message: "" };
  } catch (error) {
    return { answers, code: grpc.status[error.code], message: error.details };
  }
}

async function report(...calls) {
  for (const asked of calls) {
    const [rpc, address] = asked.split("@");
    const { answers, code, message } = await made(connect(address), rpc, "fault", deadline(2_000));
    console.log(JSON.stringify({ answers: answers.length, code, message }));
  }
}

async function retry(address, count, prefix, ms) {
  const client = connect(address, { "grpc.service_config": policy });
  const plain = (name) => made(client, "LongSync", name, deadline(15_000), { delay: {} });
  for (let number = 0; number < Number(count); number++) {
    if (ms) {
      await plain(`plain-${number}`);
      await sleep(Number(ms));
      await plain(`plain-${number}`);
    }
    const { answers, code } = await made(client, "LongSync", `${prefix}-${number}`, deadline(15_000));
    console.log(JSON.stringify({ code, attempt: answers[0]?.timing.attempt ?? 0 }));
  }
}

const [mode, ...asked] = process.argv.slice(2);
await { report, retry }[mode](...asked);
process.exit(0);
