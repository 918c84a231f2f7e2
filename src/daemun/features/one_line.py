"""Text of somebody else's that a request brings, where it is told in something that ends with its line.

Envoy escapes what it tells of metadata when that is an object or a list, but writes a single text as it is: a claim of
a token's, what a template has found in a body. And parameters of a query it decodes. Where one has line ends it would
begin another line of a log, or another header of an answer. (Of headers of requests, and of what templates say, Envoy
and the script look.)
"""

import json
import re

INSTEAD = "(unprintable)"
"""What is told of a text that is not fit for a line."""
_TOLD = re.compile(r"%(?:DYNAMIC_METADATA\(|METADATA\(DYNAMIC:)([^:)]+(?::[^:)]+)+)\)(:[0-9]+)?%")
"""A single value of metadata: its namespace and its path."""
_QUERY = re.compile(r"%QUERY_PARAM\(([^)]+)\)(:[0-9]+)?%")
"""A parameter of the query."""
_ODD = re.compile(r"[^\w.-]", re.ASCII)
_CONTROL = r"'[\\x00-\\x1f\\x7f]'"
_OF_QUERY = f"request.query.matches('(?i)%[01][0-9a-f]|%7f') ? '{INSTEAD}' : metadata.filter_metadata['']['']"
"""It is an error unless a control character is encoded anywhere in the query."""
_ESCAPED = re.compile(r"[()%]|(?<=metadata)\.(?=filter_metadata)")
"""What could end a variable within a format. And what seems to see all metadata (`tokens.reads`): the variable in it
says which it sees.
"""


def one_line(text: str) -> str:
    """A format that tells the same, but no text of metadata or of a query with a control character in it."""
    text = _TOLD.sub(lambda found: _either(_of_metadata(found[1]), "DYNAMIC_METADATA", *found.groups("")), text)
    return _QUERY.sub(lambda found: _either(_OF_QUERY, "QUERY_PARAM", *found.groups("")), text)


def _of_metadata(path: str) -> str:
    value = "metadata.filter_metadata" + "".join(f"[{_literal(one)}]" for one in path.split(":"))
    return f"{value}.matches({_CONTROL}) ? '{INSTEAD}' : {value}"


def _either(expression: str, variable: str, of: str, length: str) -> str:
    """What an expression says or, where it is an error, the variable: as where there is nothing, or no text."""
    both = {"command": "CEL", "param": expression}, {"command": variable, "param": of}
    said = _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps({"operators": both}))
    return f"%COALESCE({said}){length}%"


def _literal(text: str) -> str:
    """Text within an expression: nothing in it can end it."""
    return "'" + _ODD.sub(lambda found: f"\\U{ord(found[0]):08x}", text) + "'"
