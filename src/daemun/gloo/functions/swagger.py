"""From an OpenAPI document (2.0 and 3) to functions: each operation is a transformation, as in Gloo's discovery.

Other than there, what a caller does not give is left out (a parameter of the query, a field of the body), and the
body's fields are what the schema of the operation says.
"""

import re
from collections.abc import Iterator
from typing import Any

from daemun.api.gloo.common import Empty
from daemun.api.gloo.transformation import InjaTemplate, TransformationTemplate

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_WITHOUT_BODY = ("get", "head")
_MOST_OPERATIONS, _MOST_FIELDS, _MOST_REFERENCES = 1000, 100, 8
_MOST_LOOKS = 200_000
"""How much is looked at in all: what refers to the same again and again would have no end otherwise."""
_LONGEST_LIST = 1000
_LONGEST_NAME = 200
_LONGEST = 2048
"""Characters of a path, with what stands before it."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_SERVER = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*")
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_JSON = "application/json"
Object = dict[str, Any]


def functions_of(document: object) -> dict[str, TransformationTemplate]:
    """The functions by their names. Operations that cannot be called are left out. Raises ValueError."""
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(paths, dict):
        raise ValueError("it is no OpenAPI document: it has no paths")
    if "swagger" not in document and "openapi" not in document:
        raise ValueError("it does not say which OpenAPI it is written in")
    reader = _Reader(document)
    found: dict[str, TransformationTemplate] = {}
    for path, item in sorted(paths.items()):
        for name, template in reader.operations(path, item):
            found.setdefault(name, template)
            if len(found) > _MOST_OPERATIONS:
                raise ValueError(f"it has more than {_MOST_OPERATIONS} operations")
    return found


class _Reader:
    def __init__(self, document: Object) -> None:
        self._document = document
        self._looks = 0
        self._base = _base(document)
        self._consumes = _texts(document.get("consumes")) or [_JSON]

    def operations(self, path: str, item: object) -> Iterator[tuple[str, TransformationTemplate]]:
        """The functions at a path."""
        item = self._resolved(item)
        shared = _objects(item.get("parameters"))
        for method in _METHODS:
            operation = item.get(method)
            if not isinstance(operation, dict):
                continue
            said = operation.get("operationId")
            name = said if isinstance(said, str) and said else f"{method}{path.replace('/', '.')}"
            if len(name) > _LONGEST_NAME:
                continue
            template = self._template(method, path, operation, [*shared, *_objects(operation.get("parameters"))])
            if template is not None:
                yield name, template

    def _template(
        self, method: str, path: str, operation: Object, listed: list[Object]
    ) -> TransformationTemplate | None:
        said = _path(self._base + path)
        if said is None:
            return None
        # The operation's own come last, and count.
        parameters = {(one.get("in"), one.get("name")): one for one in map(self._resolved, listed)}
        named = [(at, name) for at, name in parameters if isinstance(name, str) and _NAME.fullmatch(name)]
        query = [name for at, name in named if at == "query"]
        headers = {name: f'{{{{ default({name}, "") }}}}' for at, name in named if at == "header"}
        headers |= {":method": method.upper(), ":path": said + _query(query)}
        if method in _WITHOUT_BODY:
            return _made({**headers, "content-type": ""}, "")
        schema = self._schema(operation, [one for (at, _), one in parameters.items() if at == "body"])
        fields = self._fields(schema) if schema is not None else {}
        if schema is not None:
            headers["content-type"] = _JSON
        return _made(headers, _body(fields) if fields else None)

    def _schema(self, operation: Object, in_body: list[Object]) -> Object | None:
        """The schema of an operation's body, if that is JSON."""
        content = self._resolved(operation.get("requestBody")).get("content")
        if isinstance(content, dict):
            return self._resolved(self._resolved(content.get(_JSON)).get("schema"))
        if in_body and _JSON in (_texts(operation.get("consumes")) or self._consumes):
            return self._resolved(in_body[0].get("schema"))
        return None

    def _fields(self, schema: Object, depth: int = 0) -> dict[str, Object]:
        """The fields of an object by their names; none where it may have others, or the body is no object."""
        found: dict[str, Object] = {}
        parts = _objects(schema.get("allOf"))
        if depth > _MOST_REFERENCES or any(schema.get(one) for one in ("oneOf", "anyOf", "additionalProperties")):
            return {}
        for part in parts:
            inner = self._fields(self._resolved(part), depth + 1)
            if not inner:
                return {}
            found |= inner
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return found
        found |= {name: self._resolved(one) for name, one in properties.items()}
        plain = len(found) <= _MOST_FIELDS and all(isinstance(one, str) and _FIELD.fullmatch(one) for one in found)
        return found if plain else {}

    def _resolved(self, value: object) -> Object:
        """What a value says, or what it refers to within the document; nothing for what is no object."""
        for _ in range(_MOST_REFERENCES):
            self._looks += 1
            if self._looks > _MOST_LOOKS:
                raise ValueError("it says or refers to too much")
            if not isinstance(value, dict):
                return {}
            ref = value.get("$ref")
            if not isinstance(ref, str):
                return value
            value = self._document if ref.startswith("#/") else None
            for part in ref.removeprefix("#/").split("/"):
                key = part.replace("~1", "/").replace("~0", "~")
                value = value.get(key) if isinstance(value, dict) else None
        return {}


def _base(document: Object) -> str:
    """What stands before all paths: `basePath`, or the path of the first server."""
    base = document.get("basePath")
    servers = _objects(document.get("servers"))
    url = servers[0].get("url") if servers and "basePath" not in document else base
    path = _SERVER.sub("", url) if isinstance(url, str) else ""
    return path.rstrip("/") if path.startswith("/") and not {*path} & {*"{?#"} else ""


def _path(path: str) -> str | None:
    """A path with its variables as templates; None for one that cannot be made."""
    names = _VARIABLE.findall(path)
    if len(path) > _LONGEST or not all(_NAME.fullmatch(name) for name in names):
        return None
    if not _PATH.fullmatch(_VARIABLE.sub("", path)):
        return None
    return _VARIABLE.sub(r'{{ default(\1, "") }}', path)


def _query(names: list[str]) -> str:
    """The parameters that somebody gives. What is between them is no value, which would be escaped."""
    given = "".join(
        f'{{% if default({name}, "") != "" %}}{{% if _more %}}&{{% else %}}?{{% endif %}}{name}={{{{ {name} }}}}'
        "{% set _more = true %}{% endif %}"
        for name in names
    )
    return f"{{% set _more = false %}}{given}" if names else ""


def _body(fields: dict[str, Object]) -> str:
    """The fields that somebody gives, as JSON."""
    given = "".join(_given(name, schema.get("type")) for name, schema in fields.items())
    return f'{{% set _sep = "{{" %}}{given}{{% if _sep == "{{" %}}{{{{ _sep }}}}{{% endif %}}}}'


def _given(name: str, kind: object) -> str:
    text, other = _of_text(name, kind), f"{{{{ {name} }}}}"
    value = f"{{% if {name} == null %}}null{{% else if isString({name}) %}}{text}{{% else %}}{other}{{% endif %}}"
    return f'{{% if exists("{name}") %}}{{{{ _sep }}}}"{name}":{value}{{% set _sep = "," %}}{{% endif %}}'


def _of_text(name: str, kind: object) -> str:
    """A value that is a text, such as all that come from paths and headers, as the schema wants it."""
    if kind == "integer":
        return f"{{{{ int({name}) }}}}"
    if kind == "number":
        return f"{{{{ float({name}) }}}}"
    if kind == "boolean":
        return f'{{% if {name} == "true" %}}true{{% else %}}false{{% endif %}}'
    return f'"{{{{ raw_string({name}) }}}}"'


def _made(headers: dict[str, str], body: str | None) -> TransformationTemplate:
    return TransformationTemplate(
        headers={name: InjaTemplate(text) for name, text in headers.items()},
        body=InjaTemplate(body) if body is not None else None,
        passthrough=Empty() if body is None else None,
        escape_characters=False,
    )


def _objects(value: object) -> list[Object]:
    return [one for one in value[:_LONGEST_LIST] if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [one for one in value[:_LONGEST_LIST] if isinstance(one, str)] if isinstance(value, list) else []
