"""A client that asks again and again while something happens, and keeps every answer that is not the one expected."""

import contextlib
import datetime
import errno
import http.client
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any


class Steady:
    """Some threads that send requests, each on a new connection: the hardest for whoever must not drop one."""

    def __init__(
        self,
        address: str,
        host: str,
        clients: int = 4,
        port: int = 80,
        wanted: str = "200",
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address, self._host, self._wanted = address, host, wanted
        self._how: dict[str, Any] = {"port": port, "headers": headers, "tls": tls}
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        """What came instead of what is wanted: which request when, how long it took, and what came."""

    def more(self, count: int = 50, seconds: float = 30) -> None:
        """Wait until so many further requests were answered well."""
        wanted, deadline = self.answers[self._wanted] + count, time.monotonic() + seconds
        while self.answers[self._wanted] < wanted:
            assert time.monotonic() < deadline, f"too few answers: {dict(self.answers)}"
            time.sleep(0.02)

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, with the last answers."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._ended.is_set():
            begun, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
            answer = ask(self._address, self._host, **self._how)
            self.answers[answer] += 1
            if answer != self._wanted:
                self.failures.append(f"{begun:%H:%M:%S.%f} after {time.monotonic() - clock:.3f} s: {answer}")
            self._ended.wait(0.01)


def ask(
    address: str,
    host: str,
    path: str = "/",
    port: int = 80,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> str:
    """The status of one answer, or what went wrong. A client for TLS asks for the server name `host`."""
    connection = open_connection(address, host, port, tls, 10)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close", **(headers or {})})
        response = connection.getresponse()
        response.read()
        return str(response.status)
    except OSError as error:
        return f"{type(error).__name__} {errno.errorcode.get(error.errno or 0, '')} {error.strerror or error}"
    except http.client.HTTPException as error:
        return f"{type(error).__name__} {error}"
    finally:
        connection.close()


def open_connection(
    address: str, name: str, port: int, tls: ssl.SSLContext | None, seconds: float
) -> http.client.HTTPConnection:
    """A connection to an address, by TLS for this server name if a client for that is given."""
    if tls is None:
        return http.client.HTTPConnection(address, port, timeout=seconds)
    return _Tls(address, port, seconds, name, tls)


class _Tls(http.client.HTTPConnection):
    def __init__(self, address: str, port: int, seconds: float, name: str, context: ssl.SSLContext) -> None:
        super().__init__(address, port, timeout=seconds)
        self._name, self._context = name, context

    def connect(self) -> None:
        super().connect()
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)


@contextlib.contextmanager
def steady(address: str, host: str, **how: Any) -> Iterator[Steady]:
    """Requests for the time of the block; `how` is as of Steady."""
    client = Steady(address, host, **how)
    client.start()
    try:
        yield client
    finally:
        client.stop()
