"""What a control plane says to its proxies, as it is said."""

import contextlib
from collections.abc import Iterator

import pytest

from daemun.xds.messages import Response


@contextlib.contextmanager
def recorded() -> Iterator[list[Response]]:
    """Every response that goes out, from whatever server of this process."""
    found: list[Response] = []
    encode = Response.encode

    def note(response: Response) -> bytes:
        found.append(response)
        return encode(response)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Response, "encode", note)
        yield found
