"""The names of Upstreams that are discovered: Gloo's, so that what refers to them goes on."""

import hashlib
import re

_LONGEST = 63
_STRANGE = re.compile(r"[^a-z0-9-]+")


def upstream_name(*parts: str) -> str:
    """The name of an Upstream made of these parts. One that would be too long ends with a digest of it, as in Gloo."""
    name = re.sub(r"[*/\[\]: \n\"']", "-", "-".join(parts))
    if len(name) > _LONGEST:
        digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
        name = f"{name[:31]}-{digest}"[:_LONGEST]
    return _STRANGE.sub("-", name.lower()).strip("-") or "x"
