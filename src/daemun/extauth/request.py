"""A request, as Envoy tells of it. What few checks ask for is read when it is asked for."""

from collections.abc import Mapping
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf import json_format


class Request:
    """One request. `message` is all that Envoy says; `path` has its query."""

    def __init__(self, message: external_auth_pb2.CheckRequest) -> None:
        self.message = message
        self._http = message.attributes.request.http

    @property
    def method(self) -> str:
        """GET and its kin, in capitals."""
        return str(self._http.method)

    @property
    def path(self) -> str:
        """Path and query, as the client sent them or as Envoy normalised them."""
        return str(self._http.path)

    @property
    def host(self) -> str:
        """The authority: a name, perhaps with a port."""
        return str(self._http.host)

    @property
    def scheme(self) -> str:
        """http or https."""
        return str(self._http.scheme)

    @property
    def protocol(self) -> str:
        """HTTP/1.1 and its kin."""
        return str(self._http.protocol)

    def header(self, name: str) -> str:
        """The value of a header, whose name is in lower case; empty if there is none. Several are joined by commas."""
        return str(self._http.headers.get(name, ""))

    def has(self, name: str) -> bool:
        """Whether there is a header of this name."""
        return name in self._http.headers

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """All of them, with those of HTTP/2 whose names begin with a colon."""
        return dict(self._http.headers)

    @cached_property
    def body(self) -> bytes:
        """As much of it as Envoy sends along; nothing if it is not told to."""
        return bytes(self._http.raw_body) or self._http.body.encode()

    @cached_property
    def query(self) -> Mapping[str, list[str]]:
        """The values of the parameters of the query."""
        text = self.path.partition("?")[2].partition("#")[0]
        try:
            return parse_qs(text, keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            return {}

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        """By name. A header that cannot be read has those before what is wrong with it."""
        found: SimpleCookie = SimpleCookie()
        try:
            found.load(self.header("cookie"))
        except CookieError:
            return {}
        return {name: morsel.value for name, morsel in found.items()}

    def metadata(self, namespace: str) -> Mapping[str, Any]:
        """What a filter before has found out."""
        known = self.message.attributes.metadata_context.filter_metadata
        return json_format.MessageToDict(known[namespace]) if namespace in known else {}

    @property
    def client(self) -> str:
        """The address from which the request comes, as far as Envoy knows it."""
        return str(self.message.attributes.source.address.socket_address.address)
