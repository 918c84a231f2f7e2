"""A small local httpbin: enough of its paths to see what a gateway does to a request. Standard library only."""

import contextlib
import json
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

_MAX_BODY = 1 << 20
_MAX_DELAY_SECONDS = 10.0


class Httpbin(BaseHTTPRequestHandler):
    """/get, /anything, /headers, /ip, /user-agent, /status/CODE, /delay/SECONDS."""

    protocol_version = "HTTP/1.1"
    server_version = "httpbin"
    sys_version = ""

    def handle(self) -> None:
        """Serve a connection; a proxy may reset it when it is done."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:  # the name that http.server looks for
        """Answer any method."""
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), _MAX_BODY))
        url = urlsplit(self.path)
        kind, _, argument = url.path.strip("/").partition("/")
        if kind == "status" and argument.isdigit() and 200 <= int(argument) <= 599:
            self._answer(int(argument), None)
        elif kind == "delay" and argument.replace(".", "", 1).isdigit():
            time.sleep(min(float(argument), _MAX_DELAY_SECONDS))
            self._answer(HTTPStatus.OK, self._request(url.query, body))
        elif kind in ("get", "anything"):
            self._answer(HTTPStatus.OK, self._request(url.query, body))
        elif kind == "headers":
            self._answer(HTTPStatus.OK, {"headers": dict(self.headers)})
        elif kind == "ip":
            self._answer(HTTPStatus.OK, {"origin": self.headers.get("x-forwarded-for", self.client_address[0])})
        elif kind == "user-agent":
            self._answer(HTTPStatus.OK, {"user-agent": self.headers.get("user-agent")})
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"httpbin has no {url.path}"})

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET

    def _request(self, query: str, body: bytes) -> dict[str, object]:
        return {
            "method": self.command,
            "url": f"http://{self.headers.get('host', '')}{self.path}",
            "args": dict(parse_qsl(query)),
            "headers": dict(self.headers),
            "origin": self.headers.get("x-forwarded-for", self.client_address[0]),
            "data": body.decode(errors="replace"),
        }

    def _answer(self, status: int, document: object) -> None:
        body = b"" if document is None else json.dumps(document, indent=2).encode() + b"\n"
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the gateway's log is the one to read."""


def start(port: int) -> ThreadingHTTPServer:
    """Serve on 127.0.0.1 in a thread of its own; on another port if this one is taken."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Httpbin)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Httpbin)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="httpbin", daemon=True).start()
    return server


if __name__ == "__main__":  # the lab's pod: python3 -m daemun.demo.httpbin ADDRESS PORT
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Httpbin).serve_forever()
