"""What the engine is given: manifests of any size, decoded as the sources do."""

from collections.abc import Mapping

from bench.tools.worlds import Document, gateway, route, service
from daemun.api.decode import decode
from daemun.base.names import Ref

SERVICES = 500

Objects = list[tuple[Ref, object]]


def typed(document: Document) -> tuple[Ref, object]:
    """A document as the engine takes it."""
    decoded = decode(document)
    assert decoded is not None
    assert decoded.value is not None, decoded.problems
    return decoded.ref, decoded.value


def world(routes: int) -> Objects:
    """A Gateway with so many routes, a host each, to 500 Services."""
    documents = [gateway(8080)]
    documents += [one for number in range(SERVICES) for one in service(number, 9000)]
    documents += [route(number, services=SERVICES) for number in range(routes)]
    return [typed(one) for one in documents]


async def nobody(_: Mapping[str, str]) -> str | None:
    """Nobody is authenticated."""
    return None
