"""The scalar types of Kubernetes and Gateway API, with the patterns and bounds of their CRDs.

The patterns are those of the API's own validation; a value that an API server would refuse is refused here too.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"

Hostname: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253, pattern=rf"^(\*\.)?{_SUBDOMAIN}$")]
PreciseHostname: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253, pattern=rf"^{_SUBDOMAIN}$")]
AbsoluteURI: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=253, pattern=r"^[^:/?#]+://[^?#]*(\?[^#]*)?(#.*)?$")
]
Group: TypeAlias = Annotated[str, Meta(max_length=253, pattern=rf"^$|^{_SUBDOMAIN}$")]
Kind: TypeAlias = Annotated[str, Meta(min_length=1, max_length=63, pattern=r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$")]
ObjectName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253)]
NamespaceName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=63, pattern=rf"^{_LABEL}$")]
SectionName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253, pattern=rf"^{_SUBDOMAIN}$")]
Port: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]
HeaderName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$")]
HeaderValue: TypeAlias = Annotated[str, Meta(min_length=1, max_length=4096)]
Duration: TypeAlias = Annotated[str, Meta(pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$")]
Weight: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)]
ControllerName: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=253, pattern=rf"^{_SUBDOMAIN}\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$")
]
