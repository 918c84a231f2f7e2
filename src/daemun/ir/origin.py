"""Provenance: which object, and which field of it, a piece of Envoy configuration came from."""

import msgspec

from daemun.base.names import Ref


class Origin(msgspec.Struct, frozen=True, order=True, gc=False):
    """The object behind a piece of configuration, and the field within it (`spec.rules[0].matches[1]`)."""

    ref: Ref
    where: str = ""

    def __str__(self) -> str:
        return f"{self.ref} {self.where}" if self.where else str(self.ref)
