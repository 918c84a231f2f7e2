"""What is wrong, where, and how to mend it. Problems are values and travel with the result they belong to."""

import msgspec

from daemun.base.names import Ref


class Problem(msgspec.Struct, frozen=True, order=True, gc=False):
    """One finding about one object.

    `code` is stable and in CamelCase (a Gateway API reason where there is one), `where` is the path of the field
    (`spec.rules[0].backendRefs[1]`, empty for the whole object), `text` says what is wrong and `mend` what to do.
    A `warning` does not stop the object from being served as it was written. `absent` is the object that is said not to
    exist, if that is what is wrong.
    """

    ref: Ref
    code: str
    where: str
    text: str
    mend: str = ""
    warning: bool = False
    absent: tuple[Ref, ...] = ()

    def __str__(self) -> str:
        at = f" {self.where}" if self.where else ""
        mend = f" {self.mend}" if self.mend else ""
        return f"{self.ref}{at}: {self.text}{mend}"
