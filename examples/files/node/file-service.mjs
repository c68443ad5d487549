// Ask and wait: `file.save` and `file.read`.

import { call } from "./client.mjs";

/** Stores settings: what is returned is stored. */
export function save(nc, filename, content) {
  return call(nc, "file.save", { filename, content });
}

export function read(nc, filename) {
  return call(nc, "file.read", { filename });
}
