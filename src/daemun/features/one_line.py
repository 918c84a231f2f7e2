"""Text of somebody else's that is in the metadata of a request, where it is told in something that ends with its line.

Envoy escapes what it tells of metadata when that is an object or a list, but writes a single text as it is: a claim of
a token's, what a template has found in a body. Where one has line ends it would begin another line of a log, or another
header of an answer. (Of headers of requests, and of what templates say, Envoy and the script look.)
"""

import json
import re

INSTEAD = "(unprintable)"
"""What is told of a text that is not fit for a line."""
_TOLD = re.compile(r"%(?:DYNAMIC_METADATA\(|METADATA\(DYNAMIC:)([^:)]+(?::[^:)]+)+)\)(:[0-9]+)?%")
"""A single value of metadata: its namespace and its path."""
_ODD = re.compile(r"[^\w.-]", re.ASCII)
_CONTROL = r"'[\\x00-\\x1f\\x7f]'"
_ESCAPED = re.compile(r"[()%]|(?<=metadata)\.(?=filter_metadata)")
"""What could end a variable within a format. And what seems to see all metadata (`tokens.reads`): the variable in it
says which it sees.
"""


def one_line(text: str) -> str:
    """A format that tells the same, but no text of metadata with a control character in it.

    The expression is an error where there is nothing, or no text: then the variable itself counts.
    """
    return _TOLD.sub(lambda found: _variable(found[1], found[2] or ""), text)


def _variable(path: str, length: str) -> str:
    value = "metadata.filter_metadata" + "".join(f"[{_literal(one)}]" for one in path.split(":"))
    expression = f"{value}.matches({_CONTROL}) ? '{INSTEAD}' : {value}"
    either = {"command": "CEL", "param": expression}, {"command": "DYNAMIC_METADATA", "param": path}
    said = _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps({"operators": either}))
    return f"%COALESCE({said}){length}%"


def _literal(text: str) -> str:
    """Text within an expression: nothing in it can end it."""
    return "'" + _ODD.sub(lambda found: f"\\U{ord(found[0]):08x}", text) + "'"
