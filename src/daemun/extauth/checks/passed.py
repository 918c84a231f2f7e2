"""Passing through: another server is asked, and what it says counts. What both protocols have in common."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2

from daemun.extauth.answers import Allowed, Answer, Failed

STATE = "solo.auth.passthrough"
"""The name under which the state of the chain travels in metadata, to a server and back, and its configuration."""
CONFIG = "solo.auth.passthrough.config"


def without_answer(why: str, allow: bool) -> Answer:
    """What counts if the server cannot say anything."""
    return Allowed() if allow else Failed(why)


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """JSON as protobuf has it."""
    found = struct_pb2.Struct()
    found.update(values)
    return found


def plain(value: struct_pb2.Struct) -> dict[str, Any]:
    """A Struct of protobuf as JSON has it."""
    found: dict[str, Any] = json_format.MessageToDict(value)
    return found
