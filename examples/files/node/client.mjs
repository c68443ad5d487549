// A connection to NATS, and calls with the errors of the service.

import process from "node:process";

import { RequestError, connect as open } from "@nats-io/transport-node";

/** The service refused: its number, its stable code and its text. */
export class ServiceError extends Error {
  constructor(number, problem) {
    super(problem.detail ?? problem.title);
    this.name = "ServiceError";
    this.number = number;
    this.code = problem.code;
  }
}

/** No instance of the service runs. The server says so at once. */
export class NobodyListens extends Error {
  name = "NobodyListens";
}

export function connect(url = process.env.NATS_URL ?? "nats://127.0.0.1:4222") {
  return open({ servers: url });
}

/** Asks and waits for the answer. */
export async function call(nc, subject, question, timeout = 5_000) {
  let reply;
  try {
    reply = await nc.request(subject, JSON.stringify(question), { timeout });
  } catch (error) {
    if (error instanceof RequestError && error.isNoResponders()) throw new NobodyListens(subject, { cause: error });
    throw error;
  }
  const number = reply.headers?.get("Nats-Service-Error-Code");
  const body = reply.data.length > 0 ? reply.json() : null;
  if (number) throw new ServiceError(Number(number), body ?? {});
  return body;
}
