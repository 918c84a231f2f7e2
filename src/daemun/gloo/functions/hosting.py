"""An Upstream of a cloud's functions as the host that answers for them."""

import re

import msgspec

from daemun.api.gloo.ssl import SSLFiles, UpstreamSslConfig
from daemun.api.gloo.upstream import StaticHost, StaticUpstreamSpec, Upstream, UpstreamSpec
from daemun.base.addresses import is_ip
from daemun.gatewayapi.findings import Finding

PORTS = {"https": 443, "http": 80}
_URL = re.compile(r"(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::([0-9]{1,5}))?/?")


def hosted(
    upstream: Upstream, spec: UpstreamSpec, annotation: str, url: str, authorities: str
) -> UpstreamSpec | Finding:
    """The Upstream as that host: the one of the URL, if the annotation does not name another.

    Its certificate is checked by the `authorities` that the machine trusts, if `sslConfig` does not say how.
    """
    said = upstream.metadata.annotations.get(annotation, url)
    found = _URL.fullmatch(said)
    if found is None:
        where = f"metadata.annotations[{annotation}]"
        return Finding("Invalid", where, f"{said[:80]!r} is not the URL of a host", "Give https:// and its name.")
    scheme, host = found[1], found[2].strip("[]")
    port = int(found[3]) if found[3] else PORTS[scheme]
    tls = spec.ssl_config
    if scheme == "https" and tls is None:
        names = () if is_ip(host) else (host,)
        tls = UpstreamSslConfig(ssl_files=SSLFiles(root_ca=authorities), verify_subject_alt_name=names)
    static = StaticUpstreamSpec(hosts=(StaticHost(addr=host, port=port),), use_tls=scheme == "https")
    return msgspec.structs.replace(spec, static=static, ssl_config=tls)
