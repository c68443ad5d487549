"""The clients against the running service: `NATS_URL` and `SERVICE_URL` say where."""

import asyncio
import json
import os
import time
import urllib.error
import urllib.request
import uuid

import pytest

import email_client
import math_client
import payment_client
from client import NobodyListens, ServiceError, call, connect

SERVICE = os.environ["SERVICE_URL"]


def with_connection(test):
    async def run():
        nc = await connect()
        try:
            return await test(nc)
        finally:
            await nc.close()

    return asyncio.run(run())


def get(path):
    with urllib.request.urlopen(SERVICE + path) as answer:
        return json.load(answer)


def eventually(look):
    """Repeats `look` until it returns something, for at most a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("not within a minute")


@pytest.mark.parametrize(
    ("operation", "a", "b", "result"),
    [
        ("add", 10, 5, 15),
        ("subtract", 10, 5, 5),
        ("multiply", 10, 5, 50),
        ("divide", 10, 5, 2),
        ("power", 2, 10, 1024),
        ("sqrt", 16, 0, 4),
    ],
)
def test_math_is_answered(operation, a, b, result):
    assert with_connection(lambda nc: math_client.calculate(nc, operation, a, b)) == result


def test_an_error_arrives_with_its_code():
    with pytest.raises(ServiceError) as refused:
        with_connection(lambda nc: math_client.calculate(nc, "divide", 1, 0))
    assert (refused.value.number, refused.value.code) == (400, "DIVISION_BY_ZERO")
    with pytest.raises(ServiceError) as refused:
        with_connection(lambda nc: call(nc, "math.calculate", {"operation": "modulo", "a": 1}))
    assert refused.value.number == 400


def test_nobody_listens_is_no_timeout():
    started = time.monotonic()
    with pytest.raises(NobodyListens):
        with_connection(lambda nc: call(nc, "math.nothing", {}, timeout=60))
    assert time.monotonic() - started < 60


def test_each_mail_reaches_one_member_of_the_queue_group():
    async def stats(nc):
        return (await call(nc, "$SRV.STATS.email", None))["endpoints"][0]["num_requests"]

    async def send_twenty(nc):
        before = await stats(nc)
        for number in range(20):
            await email_client.send(nc, f"user{number}@example.org", "Welcome", "Hello!")
        await nc.flush()
        return before

    before = with_connection(send_twenty)
    eventually(lambda: with_connection(stats) == before + 20)


def test_a_payment_that_is_published_three_times_is_charged_once():
    payment_id = str(uuid.uuid4())

    async def publish(nc):
        for _ in range(3):
            await payment_client.process(nc, "user123", "sub456", 9.99, payment_id)

    with_connection(publish)

    def charged():
        try:
            found = get(f"/api/v1/payments/{payment_id}")
        except urllib.error.HTTPError:
            return None
        return found if "charge" in found else None

    found = eventually(charged)
    assert (found["user_id"], found["subscription_id"], found["cents"]) == ("user123", "sub456", 999)
    with open(os.environ["LEDGER"], encoding="utf-8") as ledger:
        charges = [line for line in ledger if line.startswith(payment_id)]
    assert len(charges) == 1
