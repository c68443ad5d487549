"""The three ways to hand work over, from Python: `python demo.py [math|email|payment|all] [--mails N]`."""

import argparse
import asyncio
import json
import os
import time
import urllib.error
import urllib.request

import email_client
import math_client
import payment_client
from client import ServiceError, connect

COLORS = {"request": "\033[36m", "reply": "\033[32m", "error": "\033[31m"} if os.isatty(1) else {}


def show(kind, text):
    print(f"{COLORS.get(kind, '')}{kind:>7}{chr(27) + '[0m' if COLORS else ''}  {text}")


async def math(nc, _):
    for operation, a, b in [("add", 10, 5), ("divide", 10, 4), ("power", 2, 10), ("sqrt", 16, 0), ("divide", 1, 0)]:
        show("request", f"math.calculate {operation} {a} {b}")
        try:
            show("reply", await math_client.calculate(nc, operation, a, b))
        except ServiceError as error:
            show("error", f"{error.number} {error.code}: {error}")


async def email(nc, arguments):
    for number in range(1, arguments.mails + 1):
        await email_client.send(nc, f"user{number}@example.org", "Welcome", "Hello!")
    await nc.flush()
    show("request", f"email.send {arguments.mails} times; nobody answers")


async def payment(nc, arguments):
    payment_id = await payment_client.process(nc, "user123", "sub456", 9.99)
    show("request", f"payment.process {9.99}, stored by the server")
    await payment_client.process(nc, "user123", "sub456", 9.99, payment_id)
    show("request", "payment.process again, under the same id")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{arguments.url}/api/v1/payments/{payment_id}") as answer:
                found = json.load(answer)
            if "charge" in found:
                show("reply", f"charged once, {found['cents']} cents")
                return
        except urllib.error.HTTPError:
            pass
        await asyncio.sleep(0.1)
    raise SystemExit("the payment was not charged within 30 s")


async def main():
    parts = {"math": math, "email": email, "payment": payment}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", default="all", choices=[*parts, "all"])
    parser.add_argument("--mails", type=int, default=10)
    parser.add_argument("--url", default="http://localhost:8080", help="the HTTP API, to look at payments")
    arguments = parser.parse_args()
    nc = await connect()
    try:
        for name, run in parts.items():
            if arguments.part in (name, "all"):
                await run(nc, arguments)
    finally:
        await nc.close()


asyncio.run(main())
