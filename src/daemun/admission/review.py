"""AdmissionReview (Kubernetes, admission.k8s.io/v1): the question of an API server, and the answer to it."""

import base64
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from daemun.base.names import Ref

API_VERSION = "admission.k8s.io/v1"
SKIP = "gateway.solo.io/skip_validation"
"""The annotation of an object that is not to be judged, with the value "true"."""
_WARNING_CHARS = 256
"""What is longer an API server may cut off (ValidatingWebhookConfiguration, "Warnings")."""
_MOST_WARNINGS = 16


class GroupVersionKind(msgspec.Struct, frozen=True):
    """A kind of object in a version."""

    group: str = ""
    version: str = ""
    kind: str = ""


class Asked(msgspec.Struct, frozen=True, rename="camel"):
    """The question: may this be done?"""

    uid: str
    kind: GroupVersionKind
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    name: str = ""
    namespace: str = ""
    object: dict[str, Any] | None = None
    old_object: dict[str, Any] | None = None

    @property
    def ref(self) -> Ref:
        """The object that it is about."""
        return Ref(self.kind.group, self.kind.kind, self.namespace, self.name or _name(self.object))

    @property
    def skipped(self) -> bool:
        """Whether the object asks not to be judged."""
        metadata = (self.object or self.old_object or {}).get("metadata") or {}
        return (metadata.get("annotations") or {}).get(SKIP) == "true"


class Review(msgspec.Struct, frozen=True):
    """The question as it comes."""

    request: Asked


class Verdict(msgspec.Struct, frozen=True):
    """The answer: why not (empty if so), what whoever wrote the object should know, and changes of it (RFC 6902)."""

    refusal: str = ""
    warnings: tuple[str, ...] = ()
    patch: tuple[dict[str, Any], ...] = ()


def question(body: bytes) -> Asked:
    """The question in the body of a request. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(body, type=Review).request


def answer(uid: str, verdict: Verdict) -> bytes:
    """The body of the response."""
    response: dict[str, Any] = {"uid": uid, "allowed": not verdict.refusal}
    if verdict.refusal:
        response["status"] = {"code": 422, "reason": "Invalid", "message": verdict.refusal}
    if verdict.patch:
        patch = base64.b64encode(msgspec.json.encode(verdict.patch)).decode()
        response |= {"patchType": "JSONPatch", "patch": patch}
    if verdict.warnings:
        response["warnings"] = list(_short(verdict.warnings))
    return msgspec.json.encode({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response})


def _short(warnings: tuple[str, ...]) -> Iterable[str]:
    for warning in warnings[:_MOST_WARNINGS]:
        yield warning if len(warning) <= _WARNING_CHARS else f"{warning[: _WARNING_CHARS - 3]}..."
    if len(warnings) > _MOST_WARNINGS:
        yield f"and {len(warnings) - _MOST_WARNINGS} more"


def _name(document: dict[str, Any] | None) -> str:
    name = ((document or {}).get("metadata") or {}).get("name")
    return name if isinstance(name, str) else ""
