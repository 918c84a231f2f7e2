"""What was found wrong with a listener, a reference or a rule, in the words of the conditions that will tell of it."""

import functools

import msgspec


class Finding(msgspec.Struct, frozen=True, order=True, gc=False):
    """A reason (from the API's list), the field, what is wrong there and how to mend it."""

    reason: str
    where: str
    text: str
    mend: str = ""

    def __str__(self) -> str:
        mend = f" {self.mend}" if self.mend else ""
        return f"{self.where}: {self.text}.{mend}" if self.where else f"{self.text}.{mend}"


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
