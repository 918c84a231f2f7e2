"""An object as the API server has it, beside its typed value: what a writer of its status needs to know."""

from collections.abc import Callable

import msgspec

from daemun.base.names import Ref


class Seen(msgspec.Struct, frozen=True, gc=False):
    """The version of an object and its status as it stands there, whoever wrote it: JSON, empty for none."""

    resource_version: str
    status: bytes = b""


OnSeen = Callable[[Ref, Seen | None], None]
"""Told of every object with a status that is listed or changes; None when it is gone."""

Locate = Callable[[Ref], str | None]
"""The path of an object in the version that the API server has; None while its kind is not installed."""
