"""One transformation as a program."""

import re
from collections.abc import Iterable
from typing import Any

from daemun.api.gloo.transformation import Extraction, InjaTemplate, Transformation, TransformationTemplate
from daemun.features.feature import Fault
from daemun.features.tokens import is_own
from daemun.features.transformations.spans import KEY, NAMESPACE
from daemun.inja import TemplateError, parse, reads_body, regex_program, template_program

Program = dict[str, Any]
"""What the script takes: JSON. What is empty or false is left out."""

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_OWN = "x-daemun-"
_PSEUDO = (":authority", ":method", ":path", ":scheme")
_STATUS = ":status"
_MODES = {"SINGLE_REPLACE": "single", "REPLACE_ALL": "all"}
_REFERENCE = re.compile(r"\$(?:([$&`'])|(\d\d?))")
_ENVIRONMENT = ("HOSTNAME", "POD_NAME", "POD_NAMESPACE")
"""What of the proxy's environment templates may read: all else is not for the authors of routes."""
_AROUND = {"&": 0, "`": -1, "'": -2}


class Compiler:
    """Reads transformations, and gathers what is wrong with them. Without faults its programs can be used."""

    def __init__(self, escape: bool = False, log: bool = False) -> None:
        self.escape = escape
        self.log = log
        self.faults: list[Fault] = []

    def fault(self, where: str, text: str, mend: str = "") -> None:
        """Note what is wrong."""
        self.faults.append((where, text, mend))

    def regex(self, pattern: str, where: str) -> tuple[list[Any], int]:
        """A regular expression and how many groups it has."""
        try:
            return regex_program(pattern)
        except TemplateError as error:
            self.fault(where, f"cannot be used as a regular expression, at {error}")
            return ["all"], 0

    def transformation(self, spec: Transformation | None, where: str, request: bool) -> Program | None:
        """What is to be done to a request, or to a response; None where nothing is."""
        if spec is None:
            return None
        told: Program = {"log": True} if self.log or spec.log_request_response_info else {}
        if spec.header_body_transform is not None:
            return told | {"lift": {"metadata": True} if spec.header_body_transform.add_request_metadata else {}}
        if spec.xslt_transformation is not None:
            self.fault(
                f"{where}.xsltTransformation", "is not possible: Envoy knows no XSLT", "Transform with a template."
            )
        elif spec.transformation_template is None:
            self.fault(where, "says nothing to do", "Set transformationTemplate or headerBodyTransform.")
        else:
            found = _Template(self, spec.transformation_template, f"{where}.transformationTemplate", request)
            return told | found.program()
        return None


class _Template:
    def __init__(self, compiler: Compiler, spec: TransformationTemplate, where: str, request: bool) -> None:
        self.compiler = compiler
        self.spec = spec
        self.where = where
        self.pseudo = _PSEUDO if request else (_STATUS,)
        self.reads_body = False
        self.changes = spec.body is not None or spec.merge_extractors_to_body is not None

    def program(self) -> Program:
        spec = self.spec
        escape = self.compiler.escape if spec.escape_characters is None else spec.escape_characters
        parses = spec.parse_body_behavior == "ParseAsJson"
        program: Program = {
            "advanced": spec.advanced_templates,
            "append": [
                [self.name(one.key, f"headersToAppend[{at}].key"), self.text(one.value, f"headersToAppend[{at}].value")]
                for at, one in enumerate(spec.headers_to_append)
            ],
            "body": self.text(spec.body, "body") if spec.body is not None else None,
            "escape": escape,
            "extractors": [self.extractor(name, one) for name, one in spec.extractors.items()],
            "headers": [
                [self.name(name, f"headers.{name}"), self.text(one, f"headers.{name}")]
                for name, one in spec.headers.items()
            ],
            "ignore": spec.ignore_error_on_parse,
            "merge": spec.merge_extractors_to_body is not None,
            "metadata": self.metadata(),
            "parse": parses and spec.passthrough is None,
            "remove": [
                self.name(name, f"headersToRemove[{at}]", removed=True)
                for at, name in enumerate(spec.headers_to_remove)
            ],
        }
        # What streams through is not waited for, whoever would like to read it.
        program["waits"] = spec.passthrough is None and (parses or self.changes or self.reads_body)
        # A body without text is an empty one: that is something else than none.
        return {key: value for key, value in program.items() if value or (key == "body" and value is not None)}

    def text(self, template: InjaTemplate | None, where: str) -> list[Any]:
        """A template's program."""
        text = template.text if template else ""
        try:
            block = parse(text, self.spec.advanced_templates)
            self.reads_body = self.reads_body or reads_body(block)
            return template_program(block, text, _ENVIRONMENT)
        except TemplateError as error:
            self.compiler.fault(
                f"{self.where}.{where}.text", f"line {error.line}, column {error.column}: {error.message}"
            )
            return []

    def name(self, name: str, where: str, removed: bool = False) -> str:
        """The name of a header that is changed."""
        lower = name.lower()
        if removed and (lower.startswith(":") or lower == "host"):
            self.compiler.fault(f"{self.where}.{where}", f"{name!r} cannot be removed: there is no message without it")
        elif lower.startswith(":") and lower not in self.pseudo:
            self.compiler.fault(f"{self.where}.{where}", f"{name!r} is not here", f"Here is {', '.join(self.pseudo)}.")
        elif not lower.startswith(":") and not _NAME.fullmatch(name):
            self.compiler.fault(f"{self.where}.{where}", f"{name!r} is not the name of a header")
        elif not removed and (lower == "transfer-encoding" or (lower == "content-length" and not self.changes)):
            # Whoever reads it would look for the next message at a wrong place.
            text = f"{name!r} says how long the body is, which a template cannot know"
            self.compiler.fault(f"{self.where}.{where}", text, "It is right by itself.")
        elif lower.startswith(_OWN):
            self.compiler.fault(f"{self.where}.{where}", f"{name!r} is one of Daemun's own", "Choose another name.")
        return lower

    def extractor(self, name: str, spec: Extraction) -> Program:
        """What is taken out of a header or the body, and put where templates find it."""
        where = f"{self.where}.extractors.{name}"
        regex, groups = self.compiler.regex(spec.regex, f"{where}.regex")
        program: Program = {"name": name, "path": name.split("."), "regex": regex}
        if spec.body is not None:
            self.reads_body = True
        elif spec.header:
            program["header"] = spec.header.lower()
        else:
            self.compiler.fault(where, "takes from nothing", "Set header or body.")
        if spec.subgroup > groups:
            self.compiler.fault(f"{where}.subgroup", f"is {spec.subgroup}, but the expression has {groups} groups")
        if spec.subgroup:
            program["group"] = spec.subgroup
        mode = _MODES.get(spec.mode)
        if mode is not None:
            program["mode"] = mode
            if spec.replacement_text is None:
                self.compiler.fault(f"{where}.replacementText", f"is missing, and {spec.mode} needs it")
            text = spec.replacement_text or ""
            program["replacement"] = list(_replacement(text, groups)) if mode == "all" else text
            if mode == "all" and spec.subgroup:
                self.compiler.fault(f"{where}.subgroup", "is not for REPLACE_ALL, which replaces whole matches")
        return program

    def metadata(self) -> list[Program]:
        """What is told to the filters that come after, and to the access log."""
        found = []
        for at, one in enumerate(self.spec.dynamic_metadata_values):
            if not one.key:
                self.compiler.fault(f"{self.where}.dynamicMetadataValues[{at}].key", "is missing")
            if is_own(one.metadata_namespace):
                place = f"{self.where}.dynamicMetadataValues[{at}].metadataNamespace"
                self.compiler.fault(place, "is one of Daemun's own: it says who may pass", "Choose another.")
            program: Program = {
                "key": one.key,
                "namespace": one.metadata_namespace or "io.solo.transformation",
                "value": self.text(one.value, f"dynamicMetadataValues[{at}].value"),
            }
            if one.json_to_proto:
                program["json"] = True
            found.append(program)
        span = self.spec.span_transformer
        if span is not None:
            found.append({"key": KEY, "namespace": NAMESPACE, "value": self.text(span.name, "spanTransformer.name")})
        return found


def _replacement(text: str, groups: int) -> Iterable[str | int]:
    """What a match becomes: texts, groups by their numbers, and what is around the match by negative ones."""
    done = 0
    for found in _REFERENCE.finditer(text):
        sign, digits = found.groups()
        if found.start() > done:
            yield text[done : found.start()]
        done = found.end()
        if sign == "$":
            yield "$"
        elif sign:
            yield _AROUND[sign]
        else:
            # Two digits are one number, if there are so many groups.
            if len(digits) == 2 and int(digits) > groups:
                digits, done = digits[0], done - 1
            yield int(digits)
    if done < len(text):
        yield text[done:]
