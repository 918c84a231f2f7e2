"""Where what tokens say is found: Envoy's metadata of a request, once they were checked. Nobody else writes there.

It is nearly half of what a token costs, so it is written there only where something may read it: the configuration of
who does names the namespace, or it is of a kind that sees all metadata. The same goes for who the user of a key or a
password is, in another namespace.
"""

import re

TOKENS = "envoy.filters.http.jwt_authn"
"""The namespace: jwt_authn's own, wherever its filter is."""
USERS = "envoy.filters.http.ext_authz"
"""The namespace with who is the user, and what else servers of authorization say of a request."""
CLAIMS = "daemun.claims"
"""The claims of the token. Beside it its header is under the name of the provider whose token it is."""
ASKED = "daemun.extauth/known"
"""What is in the mark by which a server of authorization is asked: it is told what is in the namespace."""
_READERS = tuple(
    one.encode()
    for one in (
        TOKENS,
        ASKED,
        # Templates, whose namespace may be computed.
        "dynamic_metadata",
        # Expressions, and attributes of external processors.
        "%CEL(",
        "metadata.filter_metadata",
        "\x08metadata",
        # Those that are shown all there is.
        "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
        "envoy.extensions.filters.http.wasm.v3.Wasm",
    )
)
_USERS = re.compile(re.escape(USERS).encode() + rb"(?!\x12.{1,3}\n.type\.googleapis\.com/)", re.DOTALL)
"""The namespace, but not a filter of that name with its configuration."""


def is_own(namespace: str) -> bool:
    """Whether what is in a namespace of metadata lets requests pass, so that users may not write there."""
    return namespace == TOKENS or namespace.startswith("daemun.")


def reads(config: bytes) -> bool:
    """Whether configuration of Envoy's may read what tokens say, or who the user is.

    It is better to say so once too often.
    """
    return any(one in config for one in _READERS) or _USERS.search(config) is not None
