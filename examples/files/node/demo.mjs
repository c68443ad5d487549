// Settings are saved and archived while a watcher prints what happens to the bucket: `node demo.mjs`.

import process from "node:process";

import { archive } from "./archive-service.mjs";
import { ServiceError, connect } from "./client.mjs";
import { save } from "./file-service.mjs";
import { line, watch } from "./watcher.mjs";

const COLORS = process.stdout.isTTY ? { request: 36, reply: 32, error: 31, change: 33 } : {};

function show(kind, text) {
  const label = kind.padStart(7);
  console.log(`${COLORS[kind] ? `\x1b[${COLORS[kind]}m${label}\x1b[0m` : label}  ${text}`);
}

const users = ["user1", "user2", "user3"];
const nc = await connect();
let left = users.length * 3;
let settled;
const all = new Promise((resolve) => (settled = resolve));
const stop = await watch(nc, (change) => {
  show("change", line(change));
  left -= 1;
  if (left === 0) settled();
});
process.once("SIGINT", () => settled());

for (const [number, user] of users.entries()) {
  const content = { theme: number % 2 ? "light" : "dark", lang: "en" };
  show("request", `file.save ${user}.json ${JSON.stringify(content)}`);
  show("reply", JSON.stringify(await save(nc, `${user}.json`, content)));
}
try {
  await save(nc, "../user.json", {});
} catch (error) {
  if (!(error instanceof ServiceError)) throw error;
  show("error", `${error.number} ${error.code}: ${error.message}`);
}
for (const user of users) {
  show("request", `file.archive ${user}.json; nobody answers`);
  await archive(nc, `${user}.json`);
}

// Each is stored, becomes a ZIP file and is deleted.
const limit = setTimeout(() => {
  process.exitCode = 1;
  show("error", `${left} changes are missing after 30 s`);
  settled();
}, 30_000);
await all;
clearTimeout(limit);
await stop();
await nc.close();
