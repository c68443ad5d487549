"""A connection to NATS, and calls with the errors of the service."""

import json
import os

import nats
from nats.errors import NoRespondersError


class ServiceError(Exception):
    """The service refused: its number, its stable code and its text."""

    def __init__(self, number, problem):
        self.number = number
        self.code = problem.get("code")
        super().__init__(problem.get("detail") or problem.get("title"))


class NobodyListens(Exception):
    """No instance of the service runs. The server says so at once."""


async def connect(url=None):
    return await nats.connect(url or os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))


async def call(nc, subject, question, timeout=5):
    """Asks and waits for the answer."""
    try:
        reply = await nc.request(subject, json.dumps(question).encode(), timeout=timeout)
    except NoRespondersError as error:
        raise NobodyListens(subject) from error
    number = (reply.headers or {}).get("Nats-Service-Error-Code")
    body = json.loads(reply.data) if reply.data else {}
    if number:
        raise ServiceError(int(number), body)
    return body
