"""What an sslConfig says besides its certificate, as options of a listener's TLS."""

from collections.abc import Iterator

from daemun.api.gloo.ssl import SslConfig, SslParameters
from daemun.base.names import Name
from daemun.gatewayapi.tls.cacerts import KEY as AUTHORITIES
from daemun.gatewayapi.tls.options import PREFIX
from daemun.gloo.migrate.bench import Bench

CARRIED = {
    "secretRef",
    "sniDomains",
    "oneWayTls",
    "verifySubjectAltName",
    "parameters",
    "alpnProtocols",
    "disableTlsSessionResumption",
    "ocspStaplePolicy",
}
"""The fields of an sslConfig that a listener can say."""
_AUTO = "TLS_AUTO"
_STAPLING = {"STRICT_STAPLING": "strict", "MUST_STAPLE": "must"}


def is_one_way(bench: Bench, ssl: SslConfig) -> bool:
    """Whether clients are never asked for certificates."""
    return bench.world.scope.one_way if ssl.one_way_tls is None else ssl.one_way_tls


def asks(bench: Bench, ssl: SslConfig, secret: Name) -> bool:
    """Whether clients are asked for certificates, as far as the Secret is known."""
    held = bench.world.secret(secret)
    return held is not None and bool(held.get(AUTHORITIES)) and not is_one_way(bench, ssl)


def options(ssl: SslConfig, *, asks: bool = False) -> dict[str, str]:
    """The options; `asks`: clients are asked for certificates."""
    return {f"{PREFIX}{key}": value for key, value in _options(ssl, asks=asks) if value}


def _options(ssl: SslConfig, *, asks: bool) -> Iterator[tuple[str, str]]:
    said = ssl.parameters or SslParameters()
    least, most = said.minimum_protocol_version, said.maximum_protocol_version
    yield "min-version", "" if least == _AUTO else least
    yield "max-version", "" if most == _AUTO else most
    yield "cipher-suites", ", ".join(said.cipher_suites)
    yield "curves", ", ".join(said.ecdh_curves)
    yield "alpn", "none" if "allow_empty" in ssl.alpn_protocols else ", ".join(ssl.alpn_protocols)
    yield "session-resumption", "false" if ssl.disable_tls_session_resumption else ""
    yield "ocsp-stapling", _STAPLING.get(ssl.ocsp_staple_policy, "")
    yield "client-names", ", ".join(ssl.verify_subject_alt_name) if asks else ""


def sayable(ssl: SslConfig) -> bool:
    """Whether its names mean the same as an option: there a star stands for a label, and a comma ends a name."""
    return not any(set(name) & set("*,") for name in ssl.verify_subject_alt_name)
