// Reads CloudEvents from NATS with the JavaScript SDK, and publishes them back as the SDK writes them.
//
// usage: echo.mjs <nats-url> <count>      packages: cloudevents 10.0.0, nats 2.29.3
import { createRequire } from "node:module";

// The packages live where the caller installed them, not beside this file.
const require = createRequire(`${process.cwd()}/`);
const { HTTP } = require("cloudevents");
const { connect, headers: natsHeaders, AckPolicy } = require("nats");

const [url, count] = [process.argv[2], Number(process.argv[3])];
const connection = await connect({ servers: url });
const manager = await connection.jetstreamManager();
await manager.consumers.add("EVENTS", {
  durable_name: "echo-node",
  ack_policy: AckPolicy.Explicit,
  filter_subject: "events.interop.>",
});
const jetstream = connection.jetstream();
const consumer = await jetstream.consumers.get("EVENTS", "echo-node");
for (let seen = 0; seen < count; ) {
  const message = await consumer.next({ expires: 20000 });
  if (!message) throw new Error("nothing arrived within 20 seconds");
  const headers = {};
  for (const [name, values] of message.headers) headers[name.toLowerCase()] = values[0];
  // The NATS binding has a header of its own for what is Content-Type in HTTP.
  if ("ce-datacontenttype" in headers) {
    headers["content-type"] = headers["ce-datacontenttype"];
    delete headers["ce-datacontenttype"];
  }
  const binary = "ce-specversion" in headers;
  const event = HTTP.toEvent({ headers, body: binary ? Buffer.from(message.data) : message.string() });
  const written = binary ? HTTP.binary(event) : HTTP.structured(event);
  const out = natsHeaders();
  for (const [name, value] of Object.entries(written.headers)) out.append(name, String(value));
  const body = typeof written.body === "string" || written.body instanceof Uint8Array
    ? Buffer.from(written.body)
    : Buffer.from(written.body === undefined ? "" : JSON.stringify(written.body));
  await jetstream.publish("events.echo.node", body, { headers: out });
  await message.ackAck();
  seen += 1;
}
await connection.close();
