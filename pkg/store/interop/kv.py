"""Reads and writes key-value buckets with nats-py: `kv.py URL`."""

import asyncio
import sys

import nats
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError


def same(got, expected, what):
    if got != expected:
        raise SystemExit(f"{what}: {got!r} instead of {expected!r}")


async def history(bucket, key):
    return [(entry.operation or "PUT", entry.value or b"") for entry in await bucket.history(key)]


async def expired(watch, key):
    """Waits until the bucket tells that a key is gone."""
    while True:
        entry = await watch.updates(timeout=30)
        if entry and entry.key == key and entry.operation:
            return entry.operation


async def absent(bucket, key):
    try:
        return (await bucket.get(key)).value
    except KeyNotFoundError:
        return None


async def main(url):
    nc = await nats.connect(url)
    js = nc.jetstream()
    carts, leases = await js.key_value("carts"), await js.key_value("leases")

    same(await history(carts, "ours.updated"), [("PUT", b"1"), ("PUT", b"2")], "history")
    same((await carts.get("ours.bytes")).value, bytes(range(256)), "bytes")
    same(await history(carts, "ours.deleted"), [("PUT", b"x"), ("DEL", b"")], "history of a deleted key")
    same(await history(carts, "ours.purged"), [("PURGE", b"")], "history of a purged key")
    same([await absent(carts, key) for key in ["ours.deleted", "ours.purged"]], [None, None], "removed keys")
    same(sorted(await carts.keys()), ["ours.bytes", "ours.updated"], "keys")
    same((await carts.status()).history, 5, "history of the bucket")
    same((await leases.status()).marker_ttl, 60, "time of the markers")
    same(await expired(await leases.watchall(), "ours.lease"), "PURGE", "an expiry")

    entry = await carts.get("ours.updated")
    await carts.update("ours.updated", b"3", last=entry.revision)
    try:
        await carts.update("ours.updated", b"4", last=entry.revision)
        raise SystemExit("an update of an old revision was accepted")
    except KeyWrongLastSequenceError:
        pass
    await carts.create("ours.deleted", b"again")

    for value in [b"1", b"2"]:
        await carts.put("theirs.updated", value)
    await carts.put("theirs.bytes", bytes(range(256)))
    for key in ["theirs.deleted", "theirs.purged"]:
        await carts.put(key, b"x")
    await carts.delete("theirs.deleted")
    await carts.purge("theirs.purged")
    await leases.create("theirs.lease", b"x", msg_ttl=1)
    await nc.close()


asyncio.run(main(sys.argv[1]))
