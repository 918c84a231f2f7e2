"""How explanations name things."""

from daemun.base.names import Ref


def called(owner: Ref, name: str) -> str:
    """A listener as people call it: with its owner if that is not the Gateway itself."""
    return f"listener {name}" + (f" of {owner}" if owner.kind != "Gateway" else "")
