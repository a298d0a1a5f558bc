"""A contract double of InfluxDB 2: what this project uses of it, and nothing else.

It takes lines at `/api/v2/write`, answers the one form of Flux query that the server asks, and holds
buckets. It stands for InfluxDB where none is at hand; that InfluxDB itself answers alike is checked by the
same tests when `GRIDWARDEN_TEST_INFLUX_URL` names one.
"""

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_LINE = re.compile(
    r"^reading,(?P<tags>(?:\\.|[^ \\])+) (?:value=(?P<value>[^,\s]+),)?quality=\d+i (?P<at>\d+)$"
)
_FNS = {
    "count": len,
    "min": min,
    "max": max,
    "sum": sum,
    "last": lambda found: found[-1],
}


class InfluxDouble:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.buckets: dict[str, int] = {}
        self.fail_with = 0
        """Answer every write with this status; 0 for well."""
        self.poison = ""
        """A write that holds this text is refused, as a line of a wrong type is."""
        self.url = ""

    def values(self, wanted: dict[str, str]) -> list[tuple[int, float]]:
        found = {}
        for line in self.lines:
            match = _LINE.match(line)
            assert match, line
            tags = {
                re.sub(r"\\(.)", r"\1", name): re.sub(r"\\(.)", r"\1", text)
                for name, text in re.findall(r"((?:\\.|[^,=])+)=((?:\\.|[^,=\\])*)", match["tags"])
            }
            if match["value"] and all(tags.get(name) == text for name, text in wanted.items()):
                found[int(match["at"])] = float(match["value"])
        return sorted(found.items())

    def answer(self, query: str) -> str:
        wanted = dict(re.findall(r'r\.(gateway|device|point) == "([^"]*)"', query))
        start, stop = (int(found) // 1_000_000 for found in re.findall(r"time\(v: (\d+)\)", query))
        parts = []
        for every, fn in re.findall(r"aggregateWindow\(every: (\d+)ms, fn: (\w+)", query):
            spans: dict[int, list[float]] = {}
            for at, value in self.values(wanted):
                if start <= at < stop:
                    spans.setdefault(max(at // int(every) * int(every), start), []).append(value)
            kind = "long" if fn == "count" else "double"
            rows = [
                f",{fn},0,{_rfc3339(at)},{_FNS[fn](found)},value,reading"
                for at, found in sorted(spans.items())
            ]
            parts += [
                f"#datatype,string,long,dateTime:RFC3339,{kind},string,string",
                "#group,false,false,false,false,true,true",
                f"#default,{fn},,,,,",
                ",result,table,_time,_value,_field,_measurement",
                *rows,
                "",
            ]
        return "\r\n".join(parts) + "\r\n"


def _rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat().replace("+00:00", "Z")


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def reply(self, status: int, body: bytes = b"", kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(data) if self.headers.get("Content-Encoding") == "gzip" else data

    def do_POST(self) -> None:
        path, body = urlsplit(self.path), self.body()
        match path.path:
            case "/api/v2/write":
                assert parse_qs(path.query)["precision"] == ["ms"]
                if self.server.double.fail_with:
                    return self.reply(self.server.double.fail_with, b'{"message": "not now"}')
                if self.server.double.poison and self.server.double.poison.encode() in body:
                    return self.reply(400, b'{"message": "field type conflict"}')
                self.server.double.lines += body.decode().split("\n")
                return self.reply(204)
            case "/api/v2/query":
                text = self.server.double.answer(json.loads(body)["query"])
                return self.reply(200, text.encode(), "text/csv; charset=utf-8")
            case "/api/v2/buckets":
                asked = json.loads(body)
                self.server.double.buckets[asked["name"]] = asked["retentionRules"][0]["everySeconds"]
                return self.reply(201, json.dumps({"id": "1", **asked}).encode())
        return self.reply(404, b"{}")

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        match path.path:
            case "/api/v2/buckets":
                name = parse_qs(path.query)["name"][0]
                held = [name] if name in self.server.double.buckets else []
                found = [{"id": "1", "name": n, "orgID": "7", "retentionRules": []} for n in held]
                return self.reply(200, json.dumps({"buckets": found}).encode())
            case "/api/v2/orgs":
                return self.reply(200, json.dumps({"orgs": [{"id": "7", "name": "street"}]}).encode())
        return self.reply(404, b"{}")

    def do_PATCH(self) -> None:
        asked = json.loads(self.body())
        self.server.double.buckets[asked["name"]] = asked["retentionRules"][0]["everySeconds"]
        self.reply(200, json.dumps({"id": "1", "orgID": "7", **asked}).encode())


@contextmanager
def running() -> Iterator[InfluxDouble]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    double = server.double = InfluxDouble()
    double.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
