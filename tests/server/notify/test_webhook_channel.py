"""The webhook: signed, judged by one truth table, never led astray."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from server.notify.channels import Message, Verdict
from server.notify.channels.webhook import WebhookChannel, judge
from server.notify.render import Rendered
from wire.vocabulary import AlarmClass, Kind, Mode

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

TRUTH = {
    Verdict.SENT: (200, 201, 202, 204, 299),
    Verdict.TEMPORARY: (408, 421, 423, 425, 429, 500, 502, 503, 504, 599),
    Verdict.PERMANENT: (300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 422, 451),
}


@pytest.mark.parametrize(("verdict", "status"), [(v, s) for v, row in TRUTH.items() for s in row])
def test_what_a_status_means(verdict, status):
    assert judge(status) is verdict


def message(address: str) -> Message:
    return Message(
        id="n1",
        person="wang",
        address=address,
        item="i1",
        rendered=Rendered(title="燃气泄漏", text="燃气泄漏（危及生命）：3号楼。"),
        kind=Kind.GAS,
        class_=AlarmClass.LIFE_SAFETY,
        mode=Mode.LIVE,
        where="3号楼",
        link="http://server/i/t",
        step=0,
        sent_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


@asynccontextmanager
async def receiver(answer: bytes, *, hang: bool = False):
    """A server that keeps every request and gives one answer."""
    requests: list[bytes] = []
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader, writer):
        connections.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        requests.append(head + await reader.readexactly(length))
        if not hang:
            writer.write(answer)
            try:
                await writer.drain()
            except ConnectionError:
                return
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield port, requests
    finally:
        for writer in connections:
            writer.close()
        server.close()
        await server.wait_closed()


def channel(port: int, **options) -> WebhookChannel:
    return WebhookChannel(SECRET, allowed=frozenset({f"127.0.0.1:{port}"}), **options)


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_a_notice_arrives_signed():
    async with receiver(OK) as (port, requests), channel(port) as webhook:
        outcome = await webhook.send(message(f"http://127.0.0.1:{port}/hook/wang"))
    assert outcome.verdict is Verdict.SENT
    head, body = requests[0].split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook/wang HTTP/1.1"
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    assert headers["host"] == f"127.0.0.1:{port}"
    content = Webhook(SECRET).verify(body, headers)
    assert content["id"] == headers["webhook-id"] == "n1"
    assert content["title"] == "燃气泄漏"
    assert set(content) == {
        "id", "type", "person", "item", "title", "text", "class", "kind", "where", "link", "step", "mode", "sent_at",
    }  # fmt: skip


async def test_a_redirect_is_not_followed():
    async with receiver(OK) as (inner, visits):
        location = f"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{inner}/\r\ncontent-length: 0\r\n\r\n"
        async with receiver(location.encode()) as (port, _), channel(port) as webhook:
            outcome = await webhook.send(message(f"http://127.0.0.1:{port}/"))
    assert outcome.verdict is Verdict.PERMANENT
    assert visits == []


async def test_an_endless_answer_is_cut_off():
    flood = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n" + b"x" * 300_000
    async with receiver(flood) as (port, _), channel(port) as webhook:
        outcome = await webhook.send(message(f"http://127.0.0.1:{port}/"))
    assert outcome.verdict is Verdict.SENT


async def test_a_private_address_is_refused_for_good_and_not_named():
    async with receiver(OK) as (port, requests), WebhookChannel(SECRET) as webhook:
        outcome = await webhook.send(message(f"http://127.0.0.1:{port}/secret-path"))
    assert outcome.verdict is Verdict.PERMANENT
    assert "secret-path" not in outcome.reason
    assert requests == []


async def test_nobody_listening_is_temporary():
    async with receiver(OK) as (port, _):
        pass
    async with channel(port) as webhook:
        outcome = await webhook.send(message(f"http://127.0.0.1:{port}/"))
    assert outcome.verdict is Verdict.TEMPORARY


async def test_a_name_without_address_is_temporary():
    async def resolve(host, port):
        raise OSError(-2, "Name or service not known")

    async with WebhookChannel(SECRET, resolve=resolve) as webhook:
        outcome = await webhook.send(message("https://phone.example/"))
    assert outcome.verdict is Verdict.TEMPORARY


async def test_the_host_header_keeps_the_name_while_the_connection_goes_to_the_address():
    async def resolve(host, port):
        return ["127.0.0.1"]

    async with receiver(OK) as (port, requests):
        allowed = frozenset({f"phone.example:{port}"})
        async with WebhookChannel(SECRET, allowed=allowed, resolve=resolve) as webhook:
            await webhook.send(message(f"http://phone.example:{port}/hook"))
    assert f"phone.example:{port}".encode() in requests[0]
