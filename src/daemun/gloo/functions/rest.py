"""Functions of REST services: transformations by their names, written or made of a document, and who has that."""

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from daemun.api.gloo.service_spec import RestDestinationSpec, RestServiceSpec
from daemun.api.gloo.transformation import Extraction, Parameters, TransformationTemplate
from daemun.gatewayapi.findings import Finding
from daemun.gloo.functions.swagger import functions_of
from daemun.ir.discovered import Documents, Said

REST_FUNCTION = "restFunction"
"""The kind of feature that calls a function of a REST service; its spec is a `RestCall`."""
PATHS = (
    "/openapi.json",
    "/swagger.json",
    "/swagger/docs/v1",
    "/swagger/docs/v2",
    "/v1/swagger",
    "/v2/swagger",
)
"""Where servers have their documents: the first is usual, the others are where Gloo looks."""
_URL = re.compile(r"(https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?)(/[!-~]*)?")
_NAMED = re.compile(r"\{\s*([\w.-]+)\s*\}", re.ASCII)
_VALUE = r"([-._%a-zA-Z0-9]+)"
_SPECIAL = re.compile(r"[^\w\s/:,;=&%@~'\"<>!#`-]", re.ASCII)
_BY_ITSELF = ("content-length", "transfer-encoding")
"""Headers that Gloo's discovery writes, and that are right without it."""


class RestFunction(msgspec.Struct, frozen=True, gc=False):
    """What becomes of a request. `made`: of a document, so that values in its path are single parts of it."""

    template: TransformationTemplate
    made: bool = False


class RestCall(msgspec.Struct, frozen=True, gc=False):
    """A call of a function. `quoted`: what is put into its path is escaped."""

    name: str
    request: TransformationTemplate
    response: TransformationTemplate | None = None
    quoted: bool = False


Functions = Mapping[str, RestFunction]
NO_FUNCTIONS: Functions = MappingProxyType({})


def question(spec: RestServiceSpec, bases: tuple[str, ...], own: frozenset[str]) -> Documents | None:
    """Who is asked for a document. `bases` are the Upstream's servers, and `own` its names, each with a port."""
    info = spec.swagger_info
    if info is None:
        return Documents(bases, PATHS) if bases and not spec.transformations else None
    found = _URL.fullmatch(info.url or "")
    if found is None:
        return None
    base, host, port, path = found.groups()
    at = f"{host}{port or (':443' if base.startswith('https') else ':80')}"
    return Documents(bases if bases and at.lower() in own else (base,), (path or "/",))


def faults(spec: RestServiceSpec, where: str) -> tuple[Finding, ...]:
    """What is wrong with the document of a service, as written."""
    info = spec.swagger_info
    if info is None:
        return ()
    if info.inline is not None:
        try:
            functions_of(_json(info.inline))
        except ValueError as error:
            text = f"is not a document that functions can be made of: {error}"
            return (Finding("Invalid", f"{where}.swaggerInfo.inline", text, "Give one of OpenAPI, as JSON."),)
    elif not _URL.fullmatch(info.url or ""):
        return (Finding("Invalid", f"{where}.swaggerInfo.url", "is not a URL of http or https"),)
    return ()


def functions(spec: RestServiceSpec | None, said: Said | None) -> Functions:
    """The functions of a service without faults: those that are written, and those of its document beside them."""
    found: dict[str, RestFunction] = {}
    made: Mapping[str, TransformationTemplate] = {}
    if spec is not None and spec.swagger_info is not None and spec.swagger_info.inline is not None:
        made = functions_of(_json(spec.swagger_info.inline))
    elif said is not None and said.kind == Documents.kind:
        made = msgspec.json.decode(said.data, type=dict[str, TransformationTemplate])
    found.update((name, RestFunction(one, made=True)) for name, one in made.items())
    written = spec.transformations if spec is not None else {}
    found.update((name, RestFunction(_plain(one))) for name, one in written.items())
    return found


def call(known: Functions, where: str, asked: RestDestinationSpec) -> RestCall | Finding:
    """The call that a destination means."""
    found = known.get(asked.function_name)
    if found is None:
        names = ", ".join(sorted(known)[:20]) or "none"
        text = f"the Upstream has no function {asked.function_name!r} (it has {names})"
        return Finding("BackendNotFound", f"{where}.functionName", text)
    taken = extractors(asked.parameters, f"{where}.parameters")
    if isinstance(taken, Finding):
        return taken
    request = msgspec.structs.replace(found.template, extractors={**found.template.extractors, **taken})
    response = _plain(asked.response_transformation) if asked.response_transformation is not None else None
    return RestCall(asked.function_name, request, response, found.made)


def names_in(pattern: str) -> list[str]:
    """The parameters in a pattern, in order."""
    return _NAMED.findall(pattern)


def extractors(parameters: Parameters | None, where: str) -> dict[str, Extraction] | Finding:
    """What is taken out of headers by patterns such as `/pets/{id}`. `path` and `method` are always there."""
    if parameters is None:
        return {}
    found = {one: _whole(f":{one}") for one in ("path", "method")}
    patterns = {**({":path": parameters.path} if parameters.path is not None else {}), **parameters.headers}
    for header, pattern in patterns.items():
        names = names_in(pattern)
        if pattern.count("{") != len(names) or pattern.count("}") != len(names):
            at = f"{where}.path" if header == ":path" and header not in parameters.headers else f"{where}.headers"
            text = f"{pattern[:80]!r} is not a pattern for {header}"
            return Finding("Invalid", at, text, "Write it as /pets/{id}: names have letters, digits, '-', '_' and '.'.")
        if not names:
            found[header.removeprefix(":")] = _whole(header)
            continue
        plain = [_SPECIAL.sub(r"\\\g<0>", text) for text in _NAMED.split(pattern)[::2]]
        # A query that the pattern does not speak of is no business of it.
        rest = r"(?:\?.*)?" if header == ":path" and "?" not in pattern else ""
        regex = _VALUE.join(plain) + rest
        found |= {name: Extraction(header=header, regex=regex, subgroup=at) for at, name in enumerate(names, 1)}
    return found


def _whole(header: str) -> Extraction:
    return Extraction(header=header, regex="(.*)", subgroup=1)


def _plain(template: TransformationTemplate) -> TransformationTemplate:
    """Without what says how long the body is."""
    headers = {name: one for name, one in template.headers.items() if name.lower() not in _BY_ITSELF}
    return msgspec.structs.replace(template, headers=headers)


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
