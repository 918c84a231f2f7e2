"""The stages of transformations as programs: which requests and responses, and what is done to them."""

from collections.abc import Iterable
from typing import Any

from daemun.api.gloo.matchers import HeaderMatcher, Matcher, QueryParameterMatcher
from daemun.api.gloo.transformation import (
    RequestMatch,
    RequestResponseTransformations,
    ResponseMatch,
    TransformationStages,
)
from daemun.features.feature import Fault
from daemun.features.transformations.templates import Compiler, Program

Programs = dict[str, Program]
"""By stage."""

EARLY, REGULAR, POST_ROUTING = "early", "regular", "postRouting"
_FIELDS = ((EARLY, "early"), (REGULAR, "regular"), (POST_ROUTING, "post_routing"))
_OUTERMOST = (EARLY, REGULAR)
_ANSWERED = "via_upstream"
"""Why there is a response, as Envoy says it, where an endpoint has answered."""


def stage_programs(spec: TransformationStages, where: str = "") -> tuple[Programs, list[Fault]]:
    """The program of each stage that the spec has, and what is wrong with them."""
    compiler = Compiler(bool(spec.escape_characters), bool(spec.log_request_response_info))
    programs: Programs = {}
    for stage, field in _FIELDS:
        held: RequestResponseTransformations | None = getattr(spec, field)
        if held is not None:
            programs[stage] = _stage(compiler, held, stage, f"{where}.{stage}")
    if spec.inherit_transformation:
        for program in programs.values():
            program["inherit"] = True
    asking = [stage for stage in _OUTERMOST if stage in programs and _asks_why(programs[stage])]
    for stage in asking:
        # Why a response came is told in a header, which the last to see it takes away.
        programs[stage]["details"] = "last" if stage == asking[0] else "more"
    return programs, compiler.faults


def asks_why(programs: Programs) -> bool:
    """Whether a response is chosen by why it came (Envoy's response code details)."""
    return any(_asks_why(program) for program in programs.values())


def answers(program: Program) -> bool:
    """Whether a stage does something to responses."""
    return "responses" in program or any("response" in one for one in program.get("requests", ()))


def waits(programs: Programs) -> bool:
    """Whether a body is waited for, and held as a whole."""
    held = (
        one[part]
        for program in programs.values()
        for one in (*program.get("requests", ()), *program.get("responses", ()))
        for part in ("request", "response")
        if part in one
    )
    return any("lift" in one or "waits" in one for one in held)


def _asks_why(program: Program) -> bool:
    return any("details" in one for one in program.get("responses", ()))


def _stage(compiler: Compiler, spec: RequestResponseTransformations, stage: str, where: str) -> Program:
    program: Program = {"stage": stage}
    requests = [
        _request(compiler, one, f"{where}.requestTransforms[{at}]") for at, one in enumerate(spec.request_transforms)
    ]
    responses = [
        _response(compiler, one, f"{where}.responseTransforms[{at}]") for at, one in enumerate(spec.response_transforms)
    ]
    if stage == POST_ROUTING:
        # Only endpoints' own responses come by there, before anybody could tell why they came.
        responses = [one for one in responses if one.pop("details", _ANSWERED) == _ANSWERED]
        for request in requests:
            request.pop("clear", None)
    # Those without anything to do are passed by, as in Gloo.
    program["requests"] = [one for one in requests if "request" in one or "response" in one]
    program["responses"] = [one for one in responses if "response" in one]
    return _without_empty(program)


def _request(compiler: Compiler, spec: RequestMatch, where: str) -> Program:
    return _without_empty(
        {
            "clear": spec.clear_route_cache,
            "match": _matcher(compiler, spec.matcher, f"{where}.matcher") if spec.matcher else None,
            "request": compiler.transformation(spec.request_transformation, f"{where}.requestTransformation", True),
            "response": compiler.transformation(spec.response_transformation, f"{where}.responseTransformation", False),
        }
    )


def _response(compiler: Compiler, spec: ResponseMatch, where: str) -> Program:
    return _without_empty(
        {
            "details": spec.response_code_details,
            "headers": _values(compiler, spec.matchers, f"{where}.matchers"),
            "response": compiler.transformation(spec.response_transformation, f"{where}.responseTransformation", False),
        }
    )


def _matcher(compiler: Compiler, spec: Matcher, where: str) -> Program:
    if spec.connect_matcher is not None:
        compiler.fault(f"{where}.connectMatcher", "is not served in a transformation", "Match methods: [CONNECT].")
    return _without_empty(
        {
            "exact": spec.exact,
            "fold": spec.case_sensitive is False and spec.regex is None,
            "headers": _values(compiler, spec.headers, f"{where}.headers"),
            "methods": list(spec.methods),
            "prefix": spec.prefix,
            "query": _values(compiler, spec.query_parameters, f"{where}.queryParameters"),
            "regex": compiler.regex(spec.regex, f"{where}.regex")[0] if spec.regex else None,
        }
    )


def _values(
    compiler: Compiler, matchers: Iterable[HeaderMatcher | QueryParameterMatcher], where: str
) -> list[dict[str, Any]]:
    found = []
    for at, one in enumerate(matchers):
        program: Program = {"name": one.name}
        if one.regex and one.value:
            program["regex"] = compiler.regex(one.value, f"{where}[{at}].value")[0]
        elif one.value:
            program["value"] = one.value
        if isinstance(one, HeaderMatcher) and one.invert_match:
            program["invert"] = True
        found.append(program)
    return found


def _without_empty(program: Program) -> Program:
    """Without what is not set; an empty transformation is one all the same."""
    return {key: value for key, value in program.items() if value or (value == {} and key in {"request", "response"})}
