"""Reads CloudEvents from NATS with the Python SDK, and publishes them back as the SDK writes them.

usage: echo.py <nats-url> <count>      packages: cloudevents 2.2.0, nats-py
"""
import asyncio
import sys

import nats
from cloudevents.core.bindings.http import HTTPMessage, from_http, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat


async def main(url: str, count: int) -> None:
    connection = await nats.connect(url)
    jetstream = connection.jetstream()
    subscription = await jetstream.subscribe("events.interop.>", durable="echo-python")
    for _ in range(count):
        message = await subscription.next_msg(timeout=20)
        headers = {name.lower(): value for name, value in (message.headers or {}).items()}
        # The NATS binding has a header of its own for what is Content-Type in HTTP.
        if "ce-datacontenttype" in headers:
            headers["content-type"] = headers.pop("ce-datacontenttype")
        event = from_http(HTTPMessage(headers=headers, body=message.data), JSONFormat())
        binary = "ce-specversion" in headers
        written = (to_binary if binary else to_structured)(event, JSONFormat())
        await jetstream.publish("events.echo.python", written.body, headers=dict(written.headers))
        await message.ack()
    await connection.close()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
