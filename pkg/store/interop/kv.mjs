// Reads and writes key-value buckets with @nats-io/kv: `kv.mjs URL`.

import { createRequire } from "node:module";
import process from "node:process";

// The packages are in the folder where the test runs, not beside this file.
const load = createRequire(`${process.cwd()}/`);
const { connect } = load("@nats-io/transport-node");
const { jetstream } = load("@nats-io/jetstream");
const { Kvm } = load("@nats-io/kv");

const BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

function same(got, expected, what) {
  if (JSON.stringify(got) !== JSON.stringify(expected)) {
    throw new Error(`${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(expected)}`);
  }
}

async function all(entries) {
  const found = [];
  for await (const entry of await entries) found.push(entry);
  return found;
}

async function history(bucket, key) {
  return (await all(bucket.history({ key }))).map((entry) => [entry.operation, entry.string()]);
}

/** Waits until the bucket tells that a key is gone. */
async function expired(bucket, key) {
  for await (const entry of await bucket.watch()) {
    if (entry.key === key && entry.operation !== "PUT") return entry.operation;
  }
  return "the end of the watch";
}

async function absent(bucket, key) {
  const entry = await bucket.get(key);
  return entry === null || entry.operation !== "PUT";
}

const nc = await connect({ servers: process.argv[2] });
const kvm = new Kvm(jetstream(nc));
const [carts, leases] = [await kvm.open("carts"), await kvm.open("leases")];

same(await history(carts, "ours.updated"), [["PUT", "1"], ["PUT", "2"]], "history");
same(Array.from((await carts.get("ours.bytes")).value), Array.from(BYTES), "bytes");
same(await history(carts, "ours.deleted"), [["PUT", "x"], ["DEL", ""]], "history of a deleted key");
same(await history(carts, "ours.purged"), [["PURGE", ""]], "history of a purged key");
same([await absent(carts, "ours.deleted"), await absent(carts, "ours.purged")], [true, true], "removed keys");
same((await all(carts.keys())).sort(), ["ours.bytes", "ours.updated"], "keys");
same((await carts.status()).history, 5, "history of the bucket");
same((await leases.status()).markerTTL, 60_000, "time of the markers");
same(await expired(leases, "ours.lease"), "PURGE", "an expiry");

const { revision } = await carts.get("ours.updated");
await carts.update("ours.updated", "3", revision);
const late = await carts.update("ours.updated", "4", revision).catch((reason) => reason);
same(late instanceof Error, true, "an update of an old revision");
await carts.create("ours.deleted", "again");

for (const value of ["1", "2"]) await carts.put("theirs.updated", value);
await carts.put("theirs.bytes", BYTES);
for (const key of ["theirs.deleted", "theirs.purged"]) await carts.put(key, "x");
await carts.delete("theirs.deleted");
await carts.purge("theirs.purged");
await leases.create("theirs.lease", "x", "1s");
await nc.close();
