"""The parts of classic Gateways as they are written: a Gateway is one, a hybridGateway several."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gloo import gateway as api
from daemun.api.gloo.ssl import SslConfig
from daemun.base.names import Name, Ref
from daemun.flow import Reader
from daemun.gloo.classic.gateways import Door
from daemun.gloo.classic.parts import Entrance, Inputs, Section, drafts
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.settings.scope import scope_of


class Piece(msgspec.Struct, frozen=True, gc=False):
    """A part of a Gateway, which `by` says at `where`; it is `for_some` clients only if it says from which addresses.

    With `ssl` it takes connections with TLS; `tls` is what it says of that itself.
    """

    section: Section
    gateway: api.Gateway
    by: Ref
    where: str
    ssl: bool
    tls: SslConfig | None
    http: api.HttpGateway | None
    tcp: api.TcpGateway | None
    for_some: bool = False
    refused: str = ""
    problems: Problems = ()

    @property
    def hybrid(self) -> bool:
        """Whether it is one of several."""
        return bool(self.section.part)

    @property
    def certificate(self) -> SslConfig | None:
        """Its own TLS, if that names a certificate for all that is served there."""
        said = self.tls
        return said if said and (said.secret_ref or said.ssl_files or said.sds) else None

    @property
    def server_names(self) -> tuple[str, ...]:
        """The server names that it takes; an empty one is any."""
        names = ("" if one == "*" else one.lower() for one in self.tls.sni_domains) if self.tls else ()
        return tuple(dict.fromkeys(names)) or ("",)


def piece_rule(
    of: Inputs, written: Callable[[Reader, Name], api.Gateway | None]
) -> Callable[[Reader, Name, Door], Iterator[tuple[Section, Piece]]]:
    """The rule from a Gateway to its parts, whether their Secrets are there or not."""

    def pieces(reader: Reader, name: Name, door: Door) -> Iterator[tuple[Section, Piece]]:
        gateway, spec = written(reader, name), door.spec
        assert gateway is not None  # noqa: S101 - its door is there
        refused = str(door.refused[0]) if door.refused else ""
        if spec.hybrid_gateway is None:
            key, http, tcp = Section(name), spec.http_gateway, spec.tcp_gateway
            yield key, Piece(key, gateway, door.ref, "spec", spec.ssl, None, http, tcp, refused=refused)
            return
        report = Report()
        found = list(drafts(reader, of, scope_of(reader, of.scopes), door, spec.hybrid_gateway, report))
        for index, draft in enumerate(found):
            key = Section(name, str(index))
            yield (
                key,
                Piece(
                    section=key,
                    gateway=gateway,
                    by=draft.by,
                    where=draft.where,
                    ssl=draft.ssl is not None,
                    tls=draft.ssl,
                    http=draft.http,
                    tcp=draft.tcp,
                    for_some=bool(draft.sources),
                    refused=refused,
                    problems=() if index else report.problems,
                ),
            )

    return pieces


def entrance_rule(_: Reader, key: Section, piece: Piece) -> Iterator[tuple[Section, Entrance]]:
    """From a part to the VirtualServices that it takes."""
    if piece.http is not None:
        port = piece.gateway.spec.bind_port
        own = piece.certificate is not None
        yield key, Entrance(piece.by, port, (), piece.ssl, piece.http, piece.refused, own)
