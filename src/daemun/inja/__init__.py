"""Inja templates, as Gloo's transformations use them: parsed here, and run in Envoy.

No template is ever run in the control plane, and none becomes code. `parse` reads its text into nodes, `program` turns
those into plain data, and Envoy has one Lua script, always the same (`runtime/`), that knows what to do with that data.
So a template can do what an operation of the script does, and nothing else: no way leads from its text to a Lua name.

The language is that of Gloo 1.17's Envoy: Inja 3.4 with JSON pointers and escaping, and Gloo's own functions.
"""

from daemun.inja.errors import TemplateError
from daemun.inja.parser import parse
from daemun.inja.program import template_program
from daemun.inja.reads import reads_body
from daemun.inja.regex import regex_program

__all__ = ["TemplateError", "parse", "reads_body", "regex_program", "template_program"]
