"""Secrets of headers that options refer to: which headers they have, for those who may have them."""

import re
from collections.abc import Callable

from daemun.api.core import Secret
from daemun.api.gloo.common import ResourceRef
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.references import GrantIndex, grant_to_write, permitted
from daemun.gloo.secrets import Headers, demand
from daemun.ir.injected import SecretHeaders

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESERVED = {"host", "content-length", "transfer-encoding", "connection", "upgrade"}

FindHeaders = Callable[[Reader, Ref, str, ResourceRef], SecretHeaders | Finding]
"""From an object that refers to a Secret, the field, and the reference, to the headers or to why there are none."""


def headers_of(secrets: Collection[Name, Secret], grants: GrantIndex | None = None) -> FindHeaders:
    """How a reference to a Secret of headers is resolved; with `grants`, across namespaces with consent only."""

    def resolve(reader: Reader, by: Ref, where: str, ref: ResourceRef) -> SecretHeaders | Finding:
        name = Name(ref.namespace or by.namespace, ref.name)
        target = Ref(CORE, "Secret", *name)
        if grants is not None and not permitted(reader, grants, by, target):
            text = f"{target} is in another namespace, which has not granted it"
            return Finding("RefNotPermitted", where, text, grant_to_write(by, target))
        found = demand(reader, secrets, where, name, Headers)
        if isinstance(found, Finding):
            return found
        for header, value in found.headers.items():
            if not _NAME.fullmatch(header) or header.lower() in _RESERVED:
                return Finding("Invalid", where, f"{target} has the key {header!r}, which is no header to add")
            if not value or _CONTROL.search(value):
                text = f"{target} has in {header} nothing, or a control character (a line's end, for instance)"
                return Finding("Invalid", where, text, "Remove it.")
        return SecretHeaders(name, tuple(sorted(found.headers)))

    return resolve
