"""The status of Gloo's kinds: what one control plane makes of an object.

It is written under the namespace of the control plane, beside what others say, so nobody needs to know of the others.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from msgspec import field

from daemun.api.meta import Api, List

REPORTER = "daemun"
"""Who says it: `reportedBy`."""
State: TypeAlias = Literal["Pending", "Accepted", "Rejected", "Warning"]


class SubresourceStatus(Api, frozen=True):
    """What became of an object in one place where it is used: a Gateway, say."""

    state: State
    reason: str = ""
    reported_by: str = field(default_factory=lambda: REPORTER)  # a plain default would be left out


class GlooStatus(Api, frozen=True):
    """What became of an object. `reason` says what is wrong with it, `messages` what else there is to know.

    Rejected: it is not served, or not all of it. Warning: it is, but not all as it is written.
    """

    state: State
    reason: str = ""
    reported_by: str = field(default_factory=lambda: REPORTER)
    messages: List[str] = ()
    subresource_statuses: dict[str, SubresourceStatus] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        errors: Iterable[str] = (),
        warnings: Iterable[str] = (),
        *,
        messages: Iterable[str] = (),
        within: Mapping[str, SubresourceStatus] | None = None,
    ) -> "GlooStatus":
        """Rejected with errors, Warning with warnings only, Accepted with neither; all that is wrong is the reason."""
        wrong, doubtful = tuple(errors), tuple(warnings)
        state: State = "Rejected" if wrong else "Warning" if doubtful else "Accepted"
        reason = "\n".join((*wrong, *doubtful))
        return cls(state, reason, messages=tuple(messages), subresource_statuses=dict(within or {}))
