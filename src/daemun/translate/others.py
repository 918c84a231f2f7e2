"""What is told of objects that no part of the translation has for itself."""

from daemun.base.names import GLOO
from daemun.flow import derive
from daemun.gatewayapi.status.reports import Heard, Reports
from daemun.gloo.served import kinds
from daemun.gloo.settings import fields
from daemun.translate.written import Written


class GlooSettings:
    """Gloo's Settings: many read them, and what these found is told of them here."""

    def __init__(self, written: Written, notes: fields.Notes) -> None:
        self._objects = written.sources[GLOO, "Settings"]
        self._notes = notes

    def tell(self, _: Heard) -> Reports:
        """Of Settings."""
        return Reports(
            (derive(self._objects, fields.status_rule(self._notes), "Settings status"),),
            (derive(self._objects, fields.problem_rule(self._notes), "Settings problems"),),
        )


class Unserved:
    """Kinds that are known and not served."""

    def __init__(self, written: Written) -> None:
        self._sources = written.sources

    def tell(self, _: Heard) -> Reports:
        """That they are not served."""
        return Reports(
            tuple(
                derive(self._sources[one], kinds.status_rule(*one), f"{one[1]} status") for one in kinds.UNSERVED_KINDS
            ),
            tuple(
                derive(self._sources[one], kinds.problem_rule(*one), f"{one[1]} problems")
                for one in kinds.UNSERVED_KINDS
            ),
        )
