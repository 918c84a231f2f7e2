"""The scalar types of Gloo's API, as protobuf's JSON writes them."""

from typing import Annotated, Any, TypeAlias

from msgspec import Meta

Int32: TypeAlias = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
UInt32: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Int64: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | Annotated[str, Meta(pattern=r"^-?[0-9]{1,18}$")]
"""A number, or a string of digits, since JSON's numbers need not be that exact. (What has more than 18 of them may be
more than fits; nobody has a use for so many.)"""
UInt64: TypeAlias = Annotated[int, Meta(ge=0)] | Annotated[str, Meta(pattern=r"^[0-9]{1,19}$")]
"""See `Int64`."""
Duration: TypeAlias = Annotated[str, Meta(pattern=r"^(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+)$")]
"""Gloo reads durations as Go does: `5s`, `0.5s`, `1m30s`. See `base.durations.nanoseconds`."""
Struct: TypeAlias = dict[str, Any]
"""Any JSON object: protobuf's Struct, or an Any, whose type stands in `@type`."""
OneOf: TypeAlias = tuple[tuple[str, ...], ...]
"""Groups of attributes of which at most one may be set: `ONE_OF` of a message. `oneof` checks it."""
