// Watches the bucket itself: the object store of JetStream tells of each change, whoever makes it.

import { pathToFileURL } from "node:url";
import process from "node:process";

import { jetstream } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";

import { connect } from "./client.mjs";

const BUCKET = "user-setting";

/**
 * Calls `onChange` for each change of an object whose name ends in one of the extensions, or of any object without extensions.
 * Returns the function that ends the watch.
 */
export async function watch(nc, onChange, extensions = []) {
  const bucket = await new Objm(jetstream(nc)).open(BUCKET);
  const changes = await bucket.watch({ includeHistory: false });
  const wanted = (name) => extensions.length === 0 || extensions.some((extension) => name.endsWith(extension));
  const done = (async () => {
    for await (const { name, size, digest, deleted, mtime } of changes) {
      if (wanted(name)) onChange({ name, size, digest, change: deleted ? "deleted" : "stored", at: mtime });
    }
  })();
  return async () => {
    changes.stop();
    await done;
  };
}

/** One line for people. */
export function line({ at, change, name, size, digest }) {
  const what = change === "stored" ? ` (${size} bytes, ${digest})` : "";
  return `${at || new Date().toISOString()} ${change} ${name}${what}`;
}

// `node watcher.mjs [.json|.zip ...]` prints changes until Ctrl+C.
if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const nc = await connect();
  const stop = await watch(nc, (change) => console.log(line(change)), process.argv.slice(2));
  process.once("SIGINT", async () => {
    await stop();
    await nc.close();
  });
}
