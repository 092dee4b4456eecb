// The cases of connect-node over HTTP/1.1, whose protocol the server does not speak: it reports that, and the
// client understands it, however large the request that is being sent.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { addr, installed, runCase } from "./lib.mjs";

const { Code, createClient } = installed("@connectrpc/connect");
const { createConnectTransport } = installed("@connectrpc/connect-node");
const { createFileRegistry, fromBinary } = installed("@bufbuild/protobuf");
const { FileDescriptorSetSchema } = installed("@bufbuild/protobuf/wkt");

const files = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.env.DESCRIPTORS)));
const transport = createConnectTransport({ baseUrl: `http://${addr}`, httpVersion: "1.1" });
const client = createClient(files.getService("longsync.v1.LongSyncService"), transport);

async function gets415(payload) {
  for (let count = 0; count < 6; count++) {
    const call = client.longSync({ payload: new Uint8Array(payload) }, { timeoutMs: 15_000 });
    await assert.rejects(call, (error) => {
      assert.deepEqual([Code[error.code], error.rawMessage], ["Unknown", "HTTP 415"]);
      return true;
    });
  }
}

await runCase({
  async gets_415() {
    await gets415(0);
  },

  async gets_415_to_3_mb() {
    await gets415(3_000_000);
  },
});
