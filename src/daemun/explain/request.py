"""The request that is asked about, as a client would send it."""

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from daemun.base import addresses

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(#.*)?"
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]@]*\]|[^:@\[\]]*)(:(?P<port>[^:@]*))?")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_DEFAULT_PORTS = {"http": 80, "https": 443}

Header = tuple[str, str]


class Request(msgspec.Struct, frozen=True):
    """A request as the client sends it.

    `address` and `port` are what the client connects to, from the URL. `host` is the Host header, with a port where
    the client would send one. `path` and `query` are not decoded; `query` is None without a question mark. `sni` is
    the server name of the TLS handshake, empty for none.
    """

    method: str
    scheme: Literal["http", "https"]
    address: str
    port: int
    host: str
    path: str = "/"
    query: str | None = None
    headers: tuple[Header, ...] = ()
    sni: str = ""

    @property
    def target(self) -> str:
        """Path and query, as they stand in the request line."""
        return self.path if self.query is None else f"{self.path}?{self.query}"


def request_from(method: str, url: str, headers: Iterable[Header] = (), sni: str | None = None) -> Request:
    """The request that `curl -X method -H name:value url` would send. Raises ValueError, in a sentence, if none would.

    A Host header decides about routing, but not about the address, the port and the server name of TLS.
    """
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"{method!r} is not an HTTP method, which is a word such as GET.")
    parts = _URL.fullmatch(url)
    if parts is None or parts["scheme"].lower() not in _DEFAULT_PORTS:
        raise ValueError(f"{url!r} is not a URL that starts with http:// or https://.")
    if _BLANK.search(url):
        raise ValueError(f"{url!r} has a blank or control character; write a blank as %20.")
    scheme: Literal["http", "https"] = "https" if parts["scheme"].lower() == "https" else "http"
    address, port, written = _authority(url, parts["authority"], scheme)
    query = parts["query"]
    kept, host = _headers(headers)
    return Request(
        method=method,
        scheme=scheme,
        address=address.strip("[]"),
        port=port,
        host=written if host is None else host,
        path=parts["path"] or "/",
        query=None if query is None else query[1:],
        headers=kept,
        sni=_server_name(scheme, address) if sni is None else sni,
    )


def header_from(text: str) -> Header:
    """A header written as `Name: value`. Raises ValueError for any other text."""
    name, colon, value = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} is not a header: write it as 'Name: value'.")
    return name.strip(), value.strip()


def is_ip(address: str) -> bool:
    """Whether this is an IP address, as it stands in a URL, and not a name."""
    return addresses.is_ip(address.strip("[]"))


def _authority(url: str, authority: str, scheme: str) -> tuple[str, int, str]:
    """Host, port, and the Host header that a client makes of them: it leaves out the port of the scheme."""
    if "@" in authority:
        raise ValueError(f"{url!r} has a user or password; send them in an Authorization header.")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or not parts["host"].strip("[]"):
        raise ValueError(f"{url!r} has no host.")
    host, default = _ascii(parts["host"]), _DEFAULT_PORTS[scheme]
    if host.startswith("[") and not is_ip(host):
        raise ValueError(f"{host} is not an IPv6 address.")
    if not parts["port"]:
        return host, default, host
    if not re.fullmatch(r"[0-9]{1,5}", parts["port"]) or not 1 <= int(parts["port"]) <= 65535:
        raise ValueError(f"{parts['port']!r} is not a port, which is a number from 1 to 65535.")
    port = int(parts["port"])
    return host, port, host if port == default else f"{host}:{port}"


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        raise ValueError(f"{host!r} is not a host name.") from None


def _headers(headers: Iterable[Header]) -> tuple[tuple[Header, ...], str | None]:
    """The headers without Host, and Host."""
    kept: list[Header] = []
    host: str | None = None
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header.")
        if _CONTROL.search(value):
            raise ValueError(f"The value of header {name} has a control character.")
        if name.lower() != "host":
            kept.append((name, value.strip(" \t")))
        elif host is not None:
            raise ValueError("There are two Host headers; a request has one.")
        else:
            host = value.strip(" \t")
    return tuple(kept), host


def _server_name(scheme: str, address: str) -> str:
    """Clients send the URL's host, but never an address (RFC 6066, section 3)."""
    return "" if scheme == "http" or is_ip(address) else address.removesuffix(".").lower()
