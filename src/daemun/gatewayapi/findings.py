"""What was found wrong with a listener, a reference or a rule, in the words of the conditions that will tell of it."""

import functools

import msgspec

from daemun.base.names import Ref


class Finding(msgspec.Struct, frozen=True, order=True, gc=False):
    """A reason (from the API's list), the field, what is wrong there and how to mend it.

    `absent` is the object that the field names and nobody knows, if that is what is wrong (`absent()`).
    """

    reason: str
    where: str
    text: str
    mend: str = ""
    absent: tuple[Ref, ...] = ()

    def __str__(self) -> str:
        mend = f" {self.mend}" if self.mend else ""
        return f"{self.where}: {self.text}.{mend}" if self.where else f"{self.text}.{mend}"


def absent(reason: str, where: str, target: Ref, mend: str = "", *, prefix: str = "", suffix: str = "") -> Finding:
    """That an object does not exist: with what is told before and after that."""
    return Finding(reason, where, f"{prefix}{no_such(target)}{suffix}", mend, (target,))


def no_such(target: Ref) -> str:
    """What is said of an object that nobody knows."""
    return f"{target} does not exist"


def joined(findings: tuple[Finding, ...] | list[Finding]) -> str:
    """Several findings as the message of one condition; the first few, so that a status stays readable."""
    shown = [str(finding) for finding in findings[:3]]
    if len(findings) > len(shown):
        shown.append(f"And {len(findings) - len(shown)} more.")
    return " ".join(shown)[:4096]


@functools.lru_cache(maxsize=4096)
def place(field: str, index: int) -> str:
    """The path of an item in a list, `spec.rules[0]`. Every route has the same few, so each is kept once."""
    return f"{field}[{index}]"
