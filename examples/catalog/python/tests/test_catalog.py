"""A foreign caller of the running service: NATS_URL says where."""

import asyncio
import json
import os

import nats


def test_the_operations_are_requests_with_json_bodies():
    asyncio.run(operations())


async def operations():
    nc = await nats.connect(os.environ["NATS_URL"])

    async def call(name, question):
        """The answer, and the code of a refusal."""
        reply = await nc.request(f"product.{name}", json.dumps(question).encode(), timeout=5)
        body = json.loads(reply.data) if reply.data else None
        refused = "Nats-Service-Error-Code" in (reply.headers or {})
        return (None, body["code"]) if refused else (body, None)

    created, _ = await call("create", {"name": "Tea", "price_cents": 350})
    assert (created["version"], created["description"]) == (1, "")
    found, _ = await call("get", {"id": created["id"]})
    assert found["product"] == created
    change = {"name": "Tea", "price_cents": 400, "version": 1}
    updated, _ = await call("update", {"id": created["id"], "product": change})
    assert (updated["version"], updated["price_cents"]) == (2, 400)
    assert await call("update", {"id": created["id"], "product": change}) == (None, "VERSION_CONFLICT")
    page, _ = await call("list", {"limit": 1})
    assert page["products"] == [updated] and "next_cursor" not in page
    await call("delete", {"id": created["id"]})
    assert await call("get", {"id": created["id"]}) == (None, "PRODUCT_NOT_FOUND")
    await nc.close()
