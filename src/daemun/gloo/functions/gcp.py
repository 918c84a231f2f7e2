"""Services of Google Cloud: an Upstream of one as the host that answers for it, and whom its tokens are for."""

import re
from collections.abc import Iterator

import msgspec

from daemun.api.gloo.cloud import GcpUpstreamSpec
from daemun.api.gloo.ssl import SSLFiles, UpstreamSslConfig
from daemun.api.gloo.upstream import StaticHost, StaticUpstreamSpec, UpstreamSpec
from daemun.gatewayapi.findings import Finding

_HTTPS = 443
_URL = re.compile(r"https?://[A-Za-z0-9][!-~]*")
_HOST = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?")


def faults(spec: GcpUpstreamSpec) -> Iterator[Finding]:
    """What is wrong with such an Upstream, as written."""
    if not _HOST.fullmatch(spec.host):
        text = f"{spec.host[:80]!r} is not the name of a host"
        yield Finding("Invalid", "spec.gcp.host", text, "Write that of the service, without a scheme.")
    if spec.audience and not _URL.fullmatch(spec.audience):
        text = f"{spec.audience[:80]!r} is not a URL"
        yield Finding("Invalid", "spec.gcp.audience", text, "Write that of the service, or leave it out.")


def audience(spec: GcpUpstreamSpec) -> str:
    """Whom the tokens are for."""
    return spec.audience or f"https://{spec.host}"


def hosted(spec: UpstreamSpec, gcp: GcpUpstreamSpec, authorities: str) -> UpstreamSpec:
    """The Upstream as its host. A token is shown to nobody but that: its certificate is checked by the `authorities`
    that the machine trusts, if `sslConfig` does not say how.
    """
    host, _, port = gcp.host.partition(":")
    tls = spec.ssl_config or UpstreamSslConfig(ssl_files=SSLFiles(root_ca=authorities), verify_subject_alt_name=(host,))
    static = StaticUpstreamSpec(hosts=(StaticHost(addr=host, port=int(port or _HTTPS)),), use_tls=True)
    return msgspec.structs.replace(spec, static=static, ssl_config=tls)
