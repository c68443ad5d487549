// Reads and writes an object bucket with @nats-io/obj: `objects.mjs URL`.

import { createRequire } from "node:module";
import process from "node:process";

// The packages are in the folder where the test runs, not beside this file.
const load = createRequire(`${process.cwd()}/`);
const { connect } = load("@nats-io/transport-node");
const { jetstream } = load("@nats-io/jetstream");
const { Objm } = load("@nats-io/obj");

const DATA = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);

function same(got, expected, what) {
  if (JSON.stringify(got) !== JSON.stringify(expected)) {
    throw new Error(`${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(expected)}`);
  }
}

const nc = await connect({ servers: process.argv[2] });
const files = await new Objm(jetstream(nc)).open("files");

const info = await files.info("ours/a b.bin");
same([info.size, info.description], [DATA.length, "from here"], "size and description");
same(Buffer.compare(await files.getBlob("ours/a b.bin"), DATA), 0, "data");
same((await files.list()).map(({ name }) => name).sort(), ["ours/a b.bin", "ours/old"], "names");
await files.delete("ours/old");
same(await files.get("ours/old"), null, "a deleted object");

await files.putBlob({ name: "theirs.bin" }, DATA);
await files.putBlob({ name: "theirs.gone" }, Uint8Array.of(1));
await files.delete("theirs.gone");
await nc.close();
