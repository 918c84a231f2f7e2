"""Documents of objects, and what people write on a command line for a part of one."""

from typing import Any

from daemun.api.kinds import BY_NAME
from daemun.base.names import Name, Ref

Document = dict[str, Any]
"""An object as JSON has it."""


class WrongInput(Exception):  # noqa: N818 - it is said to a person, as the sentence it is
    """What was asked for cannot be made. `text` says why, `mend` what to write instead."""

    def __init__(self, text: str, mend: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.mend = mend


def document(group: str, kind: str, name: Name, **content: Any) -> Document:
    """An object in the newest version that Daemun reads."""
    version = BY_NAME[group, kind].versions[0]
    metadata = {"name": name.name} | ({"namespace": name.namespace} if name.namespace else {})
    return {"apiVersion": f"{group}/{version}" if group else version, "kind": kind, "metadata": metadata} | content


def ref_of(written: Document) -> Ref:
    """Which object a document is of."""
    group, _, version = written["apiVersion"].rpartition("/")
    del version
    metadata = written["metadata"]
    return Ref(group, written["kind"], metadata.get("namespace", ""), metadata["name"])


def reference(name: Name) -> Document:
    """A reference as Gloo writes it."""
    return {"name": name.name, "namespace": name.namespace}


def pairs(entries: list[str], flag: str, between: str = "=") -> dict[str, str]:
    """The values of a flag that is given as `key=value`, several times or separated by commas.

    A comma in a value is one if no `=` follows it. Raises WrongInput for an entry without a key or a value.
    """
    found: dict[str, str] = {}
    last = ""
    for entry in (part for written in entries for part in written.split(",")):
        key, sign, value = entry.partition(between)
        if sign and key.strip():
            last = key.strip()
            found[last] = value
        elif last and not sign:
            found[last] += f",{entry}"
        else:
            raise WrongInput(f"{flag} {entry!r} is not key{between}value", f"Write {flag} KEY{between}VALUE.")
    return found


def words(entries: list[str]) -> list[str]:
    """The values of a flag that is given several times or separated by commas."""
    return [word.strip() for entry in entries for word in entry.split(",") if word.strip()]
