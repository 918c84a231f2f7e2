"""How the references of one AuthConfig are followed, and what is wrong with it gathered on the way."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from daemun.api.core import ConfigMap, Secret
from daemun.api.gloo.common import ResourceRef
from daemun.base.durations import nanoseconds
from daemun.base.framing import TOLD, framing
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.references import GrantIndex, grant_to_write, permitted
from daemun.gloo import secrets
from daemun.gloo.secrets.kinds import GlooSecret

GROUP, KIND = "enterprise.gloo.solo.io", "AuthConfig"
INVALID = "Invalid"
_SECOND = 10**9
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
Kind = TypeVar("Kind", bound=GlooSecret)
Label = tuple[str, str]
Allowed = Callable[[Reader, Ref, Ref], str]
"""Whether an object may refer to another one: why it may not, empty if it may."""


class Inputs(msgspec.Struct, frozen=True):
    """Where what AuthConfigs refer to is found. `labelled` has Secrets by each of their labels."""

    secrets: Collection[Name, Secret]
    config_maps: Collection[Name, ConfigMap]
    labelled: tuple[Index[Label, Name, Any], ...]
    allowed: Allowed


class Following:
    """Follows the references of one object; what is wrong goes to `errors`, what is left undone to `warnings`."""

    def __init__(self, reader: Reader, of: Inputs, ref: Ref) -> None:
        self._reader = reader
        self._of = of
        self.ref = ref
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []

    def wrong(self, where: str, text: str, mend: str = "", reason: str = INVALID) -> None:
        """Something is wrong, so that nothing that uses the object may pass."""
        self.errors.append(Finding(reason, where, text, mend))

    def undone(self, where: str, text: str, mend: str = "") -> None:
        """Something is not done, and nobody comes in for that."""
        self.warnings.append(Finding("NotServed", where, text, mend))

    def warn(self, where: str, text: str, mend: str = "") -> None:
        """Something is likely not meant so, and closes nothing."""
        self.warnings.append(Finding(INVALID, where, text, mend))

    def header(self, where: str, name: str) -> str:
        """The name of a header, in lower case; what is none is wrong. Empty: there is none."""
        if name and not is_header(name):
            self.wrong(
                where, f"{name!r} {TOLD if framing(name) else 'is not the name of a header'}", "Use x-user, say."
            )
        return name.lower()

    def secret(self, where: str, ref: ResourceRef | None, kind: type[Kind]) -> Kind | None:
        """What a Secret holds; None if it cannot be had, which is wrong."""
        if ref is None or not ref.name:
            self.wrong(where, "names no Secret", "Name one.")
            return None
        name = self._name(ref)
        if not self._may(where, Ref(CORE, "Secret", *name)):
            return None
        found = self.held(where, name, kind)
        if isinstance(found, Finding):
            self.errors.append(found)
            return None
        return found

    def held(self, where: str, name: Name, kind: type[Kind]) -> Kind | Finding:
        """What a Secret holds that the object may refer to."""
        self.warnings += secrets.kept(self._reader, self._of.secrets, where, name)
        found = secrets.demand(self._reader, self._of.secrets, where, name, kind, INVALID)
        for key in secrets.ending(found):
            text = f"{Ref(CORE, 'Secret', *name)} has a line end behind its {key}, which counts as part of it"
            self.warn(where, text, "Write it without: `printf` in the place of `echo`.")
        return found

    def content(self, where: str, ref: ResourceRef, key: str) -> str:
        """What an ordinary Secret has below a key; empty if it cannot be had, which is wrong."""
        target = Ref(CORE, "Secret", *self._name(ref))
        if not self._may(where, target):
            return ""
        found = self._reader.get(self._of.secrets, target.key)
        if found is None:
            self.errors.append(absent(INVALID, where, target))
            return ""
        text = found.string_data.get(key) or found.data.get(key, b"").decode(errors="replace")
        if not text.strip():
            self.wrong(where, f"{target} has nothing below {key}")
        return text

    def secrets_with(self, labels: dict[str, str]) -> list[Name]:
        """The Secrets that have all of these labels, and that the object may refer to."""
        found: set[Name] | None = None
        for label in labels.items():
            here = {name for index in self._of.labelled for name in self._reader.find_keys(index, label)}
            found = here if found is None else found & here
        mine = ((one, Ref(CORE, "Secret", *one)) for one in sorted(found or ()))
        return [one for one, target in mine if not self._of.allowed(self._reader, self.ref, target)]

    def config_map(self, where: str, ref: ResourceRef) -> ConfigMap | None:
        """A ConfigMap; None if it cannot be had, which is wrong."""
        name = self._name(ref)
        target = Ref(CORE, "ConfigMap", *name)
        if not self._may(where, target):
            return None
        found = self._reader.get(self._of.config_maps, name)
        if found is None:
            self.errors.append(absent(INVALID, where, target))
        return found

    def _name(self, ref: ResourceRef) -> Name:
        return Name(ref.namespace or self.ref.namespace, ref.name)

    def _may(self, where: str, target: Ref) -> bool:
        fault = self._of.allowed(self._reader, self.ref, target)
        if fault:
            self.wrong(where, f"{target} is in another namespace, which has not granted it", fault, "RefNotPermitted")
        return not fault


def is_header(name: str) -> bool:
    """Whether a header may have this name (RFC 9110, 5.1), of those that are for us to read and write."""
    return _HEADER.fullmatch(name) is not None and not framing(name)


def anybody(_: Reader, by: Ref, target: Ref) -> str:
    """Classic mode asks for nobody's consent."""
    del by, target
    return ""


def granted(grants: GrantIndex) -> Allowed:
    """Across namespaces Gateway API asks for a grant."""

    def allowed(reader: Reader, by: Ref, target: Ref) -> str:
        return "" if permitted(reader, grants, by, target) else grant_to_write(by, target)

    return allowed


def seconds(text: str | None, default: float) -> float:
    """A duration of Gloo's."""
    return default if text is None else nanoseconds(text) / _SECOND


def unserved(follow: Following, where: str, fields: Iterable[tuple[str, object]], why: str) -> None:
    """Fields that are set and not served."""
    for name, value in fields:
        if value:
            follow.undone(f"{where}.{name}", f"is not served: {why}", "It has no effect.")


def labels_of_secret(_: Name, secret: Secret) -> Iterator[Label]:
    """Each of its labels; for an index."""
    yield from secret.metadata.labels.items()


def labels_of(_: Name, labels: Mapping[str, str]) -> Iterator[Label]:
    """Each of the labels of a Secret whose content was perhaps not fetched; for an index."""
    yield from labels.items()
