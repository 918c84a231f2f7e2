"""TLS as it is agreed on with clients and backends: whose certificates are good, and which names they must bear."""

from typing import Literal, NamedTuple

import msgspec

from daemun.base.names import CORE, Ref
from daemun.ir.origin import Origin

Bundle = tuple[Ref, ...]
"""The objects whose CA certificates are trusted together."""
Demand = Literal["required", "optional", "any"]
"""Which certificates of clients are wanted."""
Stapling = Literal["LENIENT_STAPLING", "STRICT_STAPLING", "MUST_STAPLE"]
"""What becomes of a handshake without a good OCSP response, in Envoy's words."""
_AUTHORITIES = "ca/"


def bundle_name(bundle: Bundle) -> str:
    """The name of a bundle among the secrets of a proxy: whoever trusts the same objects shares it."""
    return _AUTHORITIES + "+".join(f"{ref.kind}/{ref.namespace}/{ref.name}" for ref in bundle)


def bundle_of(secret: str) -> Bundle:
    """The objects in a bundle of this name. None for the name of a key pair, which is that of its Secret."""
    if not secret.startswith(_AUTHORITIES) or secret.count("/") < 3:
        return ()
    parts = (one.split("/") for one in secret.removeprefix(_AUTHORITIES).split("+"))
    return tuple(Ref(CORE, kind, namespace, name) for kind, namespace, name in parts)


class SubjectName(NamedTuple):
    """A name that a certificate may bear, of the kind that it must be of there.

    A `TRUST_DOMAIN` stands for every SPIFFE identity of it, such as `spiffe://example.org/ns/a/sa/b`.
    """

    kind: Literal["DNS", "URI", "IP", "EMAIL", "TRUST_DOMAIN"]
    value: str


class ClientValidation(msgspec.Struct, frozen=True, gc=False):
    """How the certificates of clients are checked. Which are wanted, is the `mode`.

    `required`: a good one. `optional`: a good one or none. `any`: whatever, or none. With `names` they must bear one of
    them. Between a certificate and an authority that is trusted there may be `depth` others (None: as many as Envoy
    takes). Where revocations are known they count for all of the chain, with `leaf_only` for the client's alone.
    `told` says what backends learn of the certificate.
    """

    bundle: Bundle
    mode: Demand = "required"
    names: tuple[SubjectName, ...] = ()
    depth: int | None = None
    leaf_only: bool = False
    told: tuple[str, ...] = ()


class Files(msgspec.Struct, frozen=True, gc=False):
    """Files at the proxy: a certificate and its key, whom the other side's must come from, an OCSP response."""

    certificate: str = ""
    key: str = ""
    authority: str = ""
    staple: str = ""


class SecretServer(msgspec.Struct, frozen=True, gc=False):
    """An SDS server at a `target` of gRPC's, and what it is asked for: a certificate, whom the other side's must come
    from. What is in the `token_file` is sent along in `token_header`.
    """

    target: str
    certificate: str = ""
    authority: str = ""
    token_file: str = ""
    token_header: str = ""


class Outside(msgspec.Struct, frozen=True, gc=False):
    """Certificates that a listener's proxy gets elsewhere than from us. If it `asks`, clients must show one, too, which
    bears one of the `names`, if there are any.
    """

    source: Files | SecretServer
    asks: bool = False
    names: tuple[SubjectName, ...] = ()


class Handshake(msgspec.Struct, frozen=True, gc=False):
    """What a listener agrees to in a TLS handshake, where that is not left to us: in Envoy's words.

    `seconds` is how long a handshake may take, 0 for as long as is usual. With None for `alpn` no protocol is offered.
    """

    minimum: str = ""
    maximum: str = ""
    ciphers: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    alpn: tuple[str, ...] | None = ()
    resumes: bool = True
    stapling: Stapling = "LENIENT_STAPLING"
    seconds: float = 0.0


class BackendTLS(msgspec.Struct, frozen=True, gc=False):
    """How a backend is spoken to over TLS: what it is called in the handshake, and one of the names it must prove.

    It is trusted if its certificate comes from the `bundle` or, without one, from the authorities in the file `system`.
    """

    origin: Origin
    server_name: str
    names: tuple[SubjectName, ...]
    bundle: Bundle = ()
    system: str = ""
    handshake: Handshake | None = None
