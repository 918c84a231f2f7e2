"""Headers whose values are in Secrets: where they are, never what they are. Values come to Envoy by SDS alone."""

import msgspec

from daemun.base.names import Name

_PREFIX, _KEY_PREFIX = "header/", "function-key/"


class SecretHeaders(msgspec.Struct, frozen=True, gc=False):
    """The headers that a Secret has values for, by their names."""

    secret: Name
    names: tuple[str, ...]

    def resource(self, header: str) -> str:
        """What the value of a header is called in SDS."""
        return f"{_PREFIX}{self.secret}/{header}"

    def resources(self) -> tuple[str, ...]:
        """What all of them are called."""
        return tuple(map(self.resource, self.names))


def header_of(resource: str) -> tuple[Name, str] | None:
    """The Secret, and the header in it, if something is called so in SDS."""
    if not resource.startswith(_PREFIX):
        return None
    secret, _, header = resource.removeprefix(_PREFIX).rpartition("/")
    return Name.of(secret), header


class FunctionKey(msgspec.Struct, frozen=True, gc=False):
    """A key that a function is called with, by its name in a Secret."""

    secret: Name
    key: str

    @property
    def resource(self) -> str:
        """What it is called in SDS."""
        return f"{_KEY_PREFIX}{self.secret}/{self.key}"


def function_key_of(resource: str) -> FunctionKey | None:
    """The key, if something is called so in SDS."""
    if not resource.startswith(_KEY_PREFIX):
        return None
    secret, _, key = resource.removeprefix(_KEY_PREFIX).rpartition("/")
    return FunctionKey(Name.of(secret), key)
