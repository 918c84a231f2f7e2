"""Where what tokens say is found: Envoy's metadata of a request, once they were checked. Nobody else writes there."""

TOKENS = "envoy.filters.http.jwt_authn"
"""The namespace: jwt_authn's own, wherever its filter is."""
CLAIMS = "daemun.claims"
"""The claims of the token. Beside it its header is under the name of the provider whose token it is."""


def is_own(namespace: str) -> bool:
    """Whether what is in a namespace of metadata lets requests pass, so that users may not write there."""
    return namespace == TOKENS or namespace.startswith("daemun.")
