"""A caller (`call URL`) or a service (`serve URL`) of NATS micro with nats-py."""

import asyncio
import json
import sys

import nats
from nats.errors import NoRespondersError
from nats.micro import add_service
from nats.micro.service import EndpointConfig, ServiceInfo, ServicePing, ServiceStats


def same(got, expected, what):
    if got != expected:
        raise SystemExit(f"{what}: {got!r} instead of {expected!r}")


async def call(nc):
    answer = await nc.request("interop.double", b"21", timeout=10)
    same(json.loads(answer.data), 42, "double")
    same(answer.headers, None, "headers of a result")

    failed = await nc.request("interop.find", b'"42"', timeout=10, headers={"x-request-id": "req-py"})
    same(failed.headers["Nats-Service-Error-Code"], "404", "code")
    same(failed.headers["Nats-Service-Error"], "no order 42", "text")
    problem = json.loads(failed.data)
    same(problem["code"], "ORDER_NOT_FOUND", "problem")
    same(problem["request_id"], "req-py", "request id")

    invalid = await nc.request("interop.double", b"{", timeout=10)
    same(invalid.headers["Nats-Service-Error-Code"], "400", "code of a body that does not decode")
    broken = await nc.request("interop.break", b"null", timeout=10)
    same(broken.headers["Nats-Service-Error-Code"], "500", "code of a panic")
    same(b"secret" in broken.data, False, "private text")
    try:
        await nc.request("interop.nowhere", b"", timeout=10)
        raise SystemExit("a subject without a service answered")
    except NoRespondersError:
        pass

    async def document(verb):
        return json.loads((await nc.request(f"$SRV.{verb}.interop", b"", timeout=10)).data)

    ping = ServicePing.from_dict(await document("PING"))
    same((ping.name, ping.version), ("interop", "1.2.3"), "ping")
    info = ServiceInfo.from_dict(await document("INFO"))
    same([endpoint.name for endpoint in info.endpoints], ["double", "find", "break"], "endpoints")
    same((info.endpoints[0].subject, info.endpoints[0].queue_group), ("interop.double", "q"), "endpoint")
    stats = ServiceStats.from_dict(await document("STATS"))
    same((stats.endpoints[0].num_requests, stats.endpoints[0].num_errors), (2, 1), "statistics")


async def serve(nc):
    async def echo(request):
        headers = {"x-seen": (request.headers or {}).get("x-tenant", "none")}
        await request.respond(request.data, headers=headers)

    async def fail(request):
        code, text, data = json.loads(request.data)
        await request.respond_error(code, text, data=data.encode())

    service = await add_service(nc, name="peer", version="0.3.0", description="nats-py", metadata={"sdk": "python"})
    await service.add_endpoint(EndpointConfig(name="echo", subject="peer.echo", handler=echo))
    await service.add_endpoint(EndpointConfig(name="fail", subject="peer.fail", handler=fail))
    await nc.flush()
    print("ready", flush=True)
    # Until the test closes the pipe.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await service.stop()


async def main(role, url):
    nc = await nats.connect(url)
    await {"call": call, "serve": serve}[role](nc)
    await nc.close()


asyncio.run(main(*sys.argv[1:3]))
