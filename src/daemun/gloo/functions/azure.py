"""Azure Functions: an app as the host that answers for its functions, their keys, and what is called."""

import re
from collections.abc import Iterator

from daemun.api.core import Secret
from daemun.api.gloo.cloud import AzureFunctionSpec, AzureUpstreamSpec
from daemun.api.gloo.upstream import Upstream, UpstreamSpec
from daemun.base.names import Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo import secrets
from daemun.gloo.functions import hosting
from daemun.gloo.secrets import Azure
from daemun.ir.function import AzureCall
from daemun.ir.injected import FunctionKey

ENDPOINT = "daemun.dev/azure-endpoint"
"""An annotation: the URL of the app where it is not the one that Azure gives it."""
_INVALID, _MISSING = "Invalid", "BackendNotFound"
_APP = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,58}[A-Za-z0-9])?")
_FUNCTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,126}")
_MASTER = "_master"
"""The name of the key of the whole app."""
_VALUE = re.compile(r"[!-~]+")


def faults(spec: AzureUpstreamSpec) -> Iterator[Finding]:
    """What is wrong with an app, as written."""
    if not _APP.fullmatch(spec.function_app_name):
        yield Finding(_INVALID, "spec.azure.functionAppName", "is not the name of an app", "Write it without a domain.")
    seen = set()
    for index, one in enumerate(spec.functions):
        where = f"spec.azure.functions[{index}].functionName"
        if not _FUNCTION.fullmatch(one.function_name):
            yield Finding(_INVALID, where, "is not the name of a function of Azure")
        elif one.function_name in seen:
            yield Finding(_INVALID, where, f"another function is called {one.function_name!r}, too")
        seen.add(one.function_name)


def host_of(spec: AzureUpstreamSpec) -> str:
    """The name of the app's host."""
    return f"{spec.function_app_name.lower()}.azurewebsites.net"


def hosted(upstream: Upstream, spec: UpstreamSpec, authorities: str) -> UpstreamSpec | Finding:
    """The Upstream as the host that answers for the app."""
    assert spec.azure is not None  # noqa: S101 - the caller has looked
    return hosting.hosted(upstream, spec, ENDPOINT, f"https://{host_of(spec.azure)}", authorities)


def keys_of(
    reader: Reader, held: Collection[Name, Secret], name: Name, spec: AzureUpstreamSpec
) -> dict[str, FunctionKey] | tuple[Finding, ...]:
    """The keys of those functions that need one: a function's own, or the app's. Never what they are."""
    needy = [(index, one) for index, one in enumerate(spec.functions) if one.auth_level != "Anonymous"]
    if not needy:
        return {}
    if spec.secret_ref is None:
        text = f"is missing, and function {needy[0][1].function_name!r} needs a key"
        return (Finding(_INVALID, "spec.azure.secretRef", text, "Name a Secret with the app's keys."),)
    secret = Name(spec.secret_ref.namespace or name.namespace, spec.secret_ref.name)
    found = secrets.demand(reader, held, "spec.azure.secretRef", secret, Azure)
    if isinstance(found, Finding):
        return (found,)
    keys: dict[str, FunctionKey] = {}
    missing: list[Finding] = []
    for index, one in needy:
        key = next((each for each in _names(one) if _VALUE.fullmatch(found.api_keys.get(each, ""))), None)
        if key is None:
            text = f"Secret {secret} has no key for {one.function_name!r} ({' or '.join(_names(one))})"
            missing.append(Finding(_INVALID, f"spec.azure.functions[{index}]", text))
        else:
            keys[one.function_name] = FunctionKey(secret, key)
    return tuple(missing) or keys


def _names(one: AzureFunctionSpec) -> tuple[str, ...]:
    return (_MASTER,) if one.auth_level == "Admin" else (one.function_name, _MASTER)


def call(spec: AzureUpstreamSpec, where: str, function: str) -> AzureCall | Finding:
    """The call that a destination means."""
    found = next((one for one in spec.functions if one.function_name == function), None)
    if found is not None:
        return AzureCall(function, host_of(spec), keyed=found.auth_level != "Anonymous")
    names = ", ".join(one.function_name for one in spec.functions) or "none"
    if function:
        return Finding(_MISSING, where, f"the Upstream has no function {function!r} (it has {names})")
    return Finding(_MISSING, where, f"names no function of the Upstream (it has {names})", "Name one of them.")
