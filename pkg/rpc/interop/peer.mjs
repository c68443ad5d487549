// A caller (`call URL`) or a service (`serve URL`) of NATS micro with @nats-io/services.

import { createRequire } from "node:module";
import process from "node:process";

// The packages are in the folder where the test runs, not beside this file.
const load = createRequire(`${process.cwd()}/`);
const { connect, headers } = load("@nats-io/transport-node");
const { ServiceError, Svcm } = load("@nats-io/services");

function same(got, expected, what) {
  if (JSON.stringify(got) !== JSON.stringify(expected)) {
    throw new Error(`${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(expected)}`);
  }
}

async function all(answers) {
  const found = [];
  for await (const one of await answers) found.push(one);
  return found;
}

async function call(nc) {
  const timeout = 10_000;
  const answer = await nc.request("interop.double", "21", { timeout });
  same([answer.json(), ServiceError.isServiceError(answer)], [42, false], "double");

  const sent = headers();
  sent.set("x-request-id", "req-js");
  const failed = await nc.request("interop.find", '"42"', { timeout, headers: sent });
  const error = ServiceError.toServiceError(failed);
  same([error.code, error.message], [404, "no order 42"], "error");
  same([failed.json().code, failed.json().request_id], ["ORDER_NOT_FOUND", "req-js"], "problem");
  const invalid = await nc.request("interop.double", "{", { timeout });
  same(ServiceError.toServiceError(invalid).code, 400, "code of a body that does not decode");
  const broken = await nc.request("interop.break", "null", { timeout });
  same(ServiceError.toServiceError(broken).code, 500, "code of a panic");
  same(broken.string().includes("secret"), false, "private text");
  const missing = await nc.request("interop.nowhere", "", { timeout }).catch((reason) => reason);
  same(/responders/i.test(`${missing.name} ${missing.message}`), true, `no responders: ${missing}`);

  const client = new Svcm(nc).client({ strategy: "count", maxMessages: 1, maxWait: timeout });
  const [ping] = await all(client.ping("interop"));
  same([ping.name, ping.version], ["interop", "1.2.3"], "ping");
  const [info] = await all(client.info("interop", ping.id));
  same(info.endpoints.map((one) => one.name), ["double", "find", "break"], "endpoints");
  const [stats] = await all(client.stats("interop"));
  same([stats.endpoints[0].num_requests, stats.endpoints[0].num_errors], [2, 1], "statistics");
}

async function serve(nc) {
  const service = await new Svcm(nc).add({
    name: "peer",
    version: "0.3.0",
    description: "@nats-io/services",
    metadata: { sdk: "javascript" },
  });
  const group = service.addGroup("peer");
  group.addEndpoint("echo", (_, msg) => {
    const seen = headers();
    seen.set("x-seen", msg.headers?.get("x-tenant") || "none");
    msg.respond(msg.data, { headers: seen });
  });
  group.addEndpoint("fail", (_, msg) => {
    const [code, text, data] = msg.json();
    msg.respondError(Number(code), text, data);
  });
  await nc.flush();
  console.log("ready");
  // Until the test closes the pipe.
  for await (const _ of process.stdin);
  await service.stop();
}

const [role, servers] = process.argv.slice(2);
const nc = await connect({ servers });
await { call, serve }[role](nc);
await nc.close();
