"""DirectResponse: an answer without a backend, for the `ExtensionRef` filters of an HTTPRoute (Gloo 1.18 and newer)."""

from typing import Annotated

from msgspec import Meta

from daemun.api.gloo.resource import GlooResource
from daemun.api.meta import Api


class DirectResponseSpec(Api, frozen=True):
    """An answer that the proxy gives by itself."""

    status: Annotated[int, Meta(ge=200, le=599)]
    body: Annotated[str, Meta(max_length=4096)] = ""


class DirectResponse(GlooResource, frozen=True):
    """An answer that routes can give by themselves."""

    spec: DirectResponseSpec
