"""Content hashes that add up.

A resource is made of parts, and one part may change among fifty thousand. Its digest is the sum of its parts'
digests modulo 2**128, so a change costs one subtraction and one addition, the order of the parts does not matter, and
the same content has the same digest in every process (xDS versions survive a restart).
"""

from hashlib import blake2b

MODULUS = 1 << 128


def digest(*chunks: bytes) -> int:
    """A 128-bit content hash of the chunks; their boundaries count."""
    pieces: list[bytes] = []
    for chunk in chunks:
        pieces += (len(chunk).to_bytes(8, "little"), chunk)
    return int.from_bytes(blake2b(b"".join(pieces), digest_size=16).digest(), "little")


def version(value: int) -> str:
    """A digest as the version string of an xDS resource."""
    return f"{value:032x}"
