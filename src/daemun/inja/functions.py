"""The functions that a template may call: by name and number of arguments, the runtime's operation.

Names and meanings are those of Inja 3.4 and of Gloo's Envoy filter (`TransformationTemplate` in Gloo's API).
"""

from collections.abc import Mapping
from types import MappingProxyType

_INJA = {
    "at": 2,
    "default": 2,
    "divisibleBy": 2,
    "even": 1,
    "exists": 1,
    "existsIn": 2,
    "first": 1,
    "float": 1,
    "int": 1,
    "isArray": 1,
    "isBoolean": 1,
    "isFloat": 1,
    "isInteger": 1,
    "isNumber": 1,
    "isObject": 1,
    "isString": 1,
    "join": 2,
    "last": 1,
    "length": 1,
    "lower": 1,
    "max": 1,
    "min": 1,
    "odd": 1,
    "range": 1,
    "round": 2,
    "sort": 1,
    "upper": 1,
}
_GLOO = {
    "base64_decode": 1,
    "base64_encode": 1,
    "base64url_decode": 1,
    "base64url_encode": 1,
    "body": 0,
    "context": 0,
    "env": 1,
    "extraction": 1,
    "header": 1,
    "raw_string": 1,
    "replace_with_random": 2,
    "request_header": 1,
    "trim": 1,
    "word_count": 1,
}
FUNCTIONS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {name: (count,) for name, count in (_INJA | _GLOO).items()} | {"substring": (2, 3), "dynamic_metadata": (1, 2)}
)
"""How many arguments each function takes."""

IMPOSSIBLE: Mapping[str, str] = MappingProxyType(
    {
        "clusterMetadata": "Envoy shows a script no metadata of clusters",
        "cluster_metadata": "Envoy shows a script no metadata of clusters",
        "data_source": "Gloo 1.17 has no data sources",
        "host_metadata": "Envoy shows a script no metadata of endpoints",
        "super": "there are no other templates to inherit from",
    }
)
"""Functions that are known and cannot be had, and why."""

OPERATORS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "and": ("and", 1),
        "or": ("or", 1),
        "in": ("in", 2),
        "==": ("equal", 2),
        "!=": ("unequal", 2),
        ">": ("greater", 2),
        ">=": ("greater_equal", 2),
        "<": ("less", 2),
        "<=": ("less_equal", 2),
        "+": ("add", 3),
        "-": ("subtract", 3),
        "*": ("multiply", 4),
        "/": ("divide", 4),
        "%": ("modulo", 4),
        "not": ("not", 4),
        "^": ("power", 5),
        ".": ("member", 8),
    }
)
"""Each operator's operation and how tightly it binds. All bind to the left but the power; `not` takes one argument."""
