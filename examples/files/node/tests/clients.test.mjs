// The client against the running service: `NATS_URL` and `SERVICE_URL` say where.

import assert from "node:assert/strict";
import process from "node:process";
import { after, before, test } from "node:test";
import { inflateRawSync } from "node:zlib";

import { jetstream } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";

import { archive } from "../archive-service.mjs";
import { NobodyListens, ServiceError, call, connect } from "../client.mjs";
import { read, save } from "../file-service.mjs";
import { line, watch } from "../watcher.mjs";

let nc;
let bucket;

before(async () => {
  nc = await connect();
  bucket = await new Objm(jetstream(nc)).open("user-setting");
});
after(() => nc.close());

/** Collects changes until there are as many as wanted. */
async function changes(wanted, extensions) {
  const seen = [];
  let enough;
  const done = new Promise((resolve) => (enough = resolve));
  const stop = await watch(nc, (change) => {
    seen.push(change);
    if (seen.length === wanted) enough();
  }, extensions);
  return async () => {
    await done;
    await stop();
    return seen;
  };
}

test("what is saved is stored, byte for byte", async () => {
  const content = { theme: "dark", lang: "en" };
  assert.deepEqual(await save(nc, "saved.json", content), { success: true, filename: "saved.json", size: 28 });
  assert.deepEqual(await read(nc, "saved.json"), content);
  const blob = Buffer.from(await bucket.getBlob("saved.json"));
  assert.equal(blob.toString(), JSON.stringify(JSON.parse(blob.toString())));
  assert.deepEqual(JSON.parse(blob.toString()), content);
});

test("an error arrives with its code", async () => {
  await assert.rejects(save(nc, "../user.json", {}), (error) => {
    assert.ok(error instanceof ServiceError);
    assert.deepEqual([error.number, error.code], [400, "INVALID_FILENAME"]);
    return true;
  });
  await assert.rejects(read(nc, "nothing.json"), { number: 404, code: "SETTINGS_NOT_FOUND" });
  await assert.rejects(call(nc, "file.save", { filename: "a.json" }), { number: 400 });
});

test("nobody listens is no timeout", async () => {
  await assert.rejects(call(nc, "file.nothing", {}, 60_000), NobodyListens);
});

test("the watcher tells of the archive and of the deletion", { timeout: 60_000 }, async () => {
  const all = await changes(3);
  const zips = await changes(1, [".zip"]);
  await save(nc, "watched.json", { theme: "light" });
  await archive(nc, "watched.json");
  const told = (await all()).map(({ change, name }) => `${change} ${name}`);
  assert.deepEqual(told, ["stored watched.json", "stored watched.zip", "deleted watched.json"]);
  const [zip] = await zips();
  assert.equal(zip.name, "watched.zip");
  assert.match(line(zip), /^\d{4}-\d\d-\d\dT.* stored watched\.zip \(\d+ bytes, SHA-256=/);
  assert.equal(unzip(Buffer.from(await bucket.getBlob("watched.zip")), "watched.json"), '{"theme":"light"}');
  assert.equal(await bucket.getBlob("watched.json"), null);
});

test("one member of the queue group archives", async () => {
  const handled = async () => {
    const { endpoints } = await call(nc, "$SRV.STATS.file", null);
    return endpoints.find(({ name }) => name === "archive").num_requests;
  };
  const before = await handled();
  for (let number = 0; number < 10; number += 1) await archive(nc, `missing${number}.json`);
  const deadline = Date.now() + 60_000;
  while ((await handled()) < before + 10) assert.ok(Date.now() < deadline, "not within a minute");
  assert.equal(await handled(), before + 10);
});

test("the files of the HTTP API are in JetStream as well", async () => {
  const url = `${process.env.SERVICE_URL}/api/v1/files?name=a.txt`;
  const { id, sha256 } = await (await fetch(url, { method: "POST", body: "hello" })).json();
  const files = await new Objm(jetstream(nc)).open("files");
  assert.equal(Buffer.from(await files.getBlob(id)).toString(), "hello");
  const info = await files.info(id);
  assert.equal(Buffer.from(info.digest.slice("SHA-256=".length), "base64url").toString("hex"), sha256);
});

/** The only file of a ZIP file, by its local header. */
function unzip(zip, name) {
  assert.equal(zip.readUInt32LE(0), 0x04034b50);
  const [nameLength, extraLength] = [zip.readUInt16LE(26), zip.readUInt16LE(28)];
  assert.equal(zip.subarray(30, 30 + nameLength).toString(), name);
  // The sizes stand in the directory at the end, whose entry begins with this signature.
  const entry = zip.indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]));
  const start = 30 + nameLength + extraLength;
  return inflateRawSync(zip.subarray(start, start + zip.readUInt32LE(entry + 20))).toString();
}
