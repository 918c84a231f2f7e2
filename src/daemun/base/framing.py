"""Headers that say where a message ends: they are for who writes it on the wire, and for nobody else.

Envoy sends them as it finds them. With another length than the body has, what is left of the body is the next request
to whoever reads it, which no route has seen, and its answer is somebody else's.
"""

FRAMING = frozenset({"content-length", "transfer-encoding"})
REGEX = "|".join(sorted(FRAMING))
TOLD = "says where the message ends, which nobody else may"
"""What is wrong with who would write one of them."""


def framing(name: str) -> bool:
    """Whether a header is one of them."""
    return name.lower() in FRAMING
