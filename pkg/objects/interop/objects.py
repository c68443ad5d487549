"""Reads and writes an object bucket with nats-py: `objects.py URL`."""

import asyncio
import sys

import nats
from nats.js.errors import ObjectNotFoundError

DATA = bytes(at % 251 for at in range(300_000))


def same(got, expected, what):
    if got != expected:
        raise SystemExit(f"{what}: {got!r} instead of {expected!r}")


async def main(url):
    nc = await nats.connect(url)
    files = await nc.jetstream().object_store("files")

    found = await files.get("ours/a b.bin")
    same(found.data == DATA, True, "data")
    same((found.info.size, found.info.description), (len(DATA), "from here"), "size and description")
    same(sorted(info.name for info in await files.list()), ["ours/a b.bin", "ours/old"], "names")
    await files.delete("ours/old")
    try:
        await files.get("ours/old")
        raise SystemExit("a deleted object was read")
    except ObjectNotFoundError:
        pass

    await files.put("theirs.bin", DATA)
    await files.put("theirs.gone", b"x")
    await files.delete("theirs.gone")
    await nc.close()


asyncio.run(main(sys.argv[1]))
