"""Inja's runtime in a real Envoy, without any control plane: a program and its input go in, what they become comes out.

Envoy answers by itself: its script is that of `daemun.inja`, with a few lines more that take the program from the
request. So what is tested is the Lua that runs in production, in the LuaJIT that runs it there.
"""

import json
from typing import Any

from daemun.inja import parse, regex_program, template_program
from daemun.inja.script import SCRIPT
from support.envoys.standing import StandingEnvoy
from support.servers.ports import free_port

_ASKED = """
function envoy_on_request(handle)
  local body = handle:body()
  local m = json.parse(body:getBytes(0, body:length())).m
  local ok, found = pcall(function()
    if m.parse then return values.dump(json.parse(m.parse)) end
    if m.regex then
      local expression = regex.compile(m.regex)
      if m.parts then return expression.replace_all(m.text, m.parts) end
      if m.replacement then return expression.replace_group(m.text, m.group, m.replacement) end
      if not expression.matches(m.text) then return "no" end
      return "yes" .. expression.group(m.text, m.group)
    end
    local run = {
      handle = handle, headers = handle:headers(), body = m.body, context = m.data or values.null,
      extractions = m.extractions and m.extractions.m or {}, escape = m.escape,
      is_request = true, left = 1000000,
    }
    run.data = values.kind(run.context) == "object" and run.context or { k = "object", m = {} }
    return templates.compile(m.program)(run)
  end)
  if ok then handle:respond({ [":status"] = "200" }, found) end
  local known = type(found) == "table"
  handle:respond({ [":status"] = known and "400" or "500" }, known and found.text or tostring(found))
end
envoy_on_response = nil
"""
FORBIDDEN = "".join(
    f"{name} = nil\n"
    for name in (
        *(
            "_G",
            "collectgarbage",
            "coroutine",
            "debug",
            "dofile",
            "ffi",
            "getfenv",
            "getmetatable",
            "io",
            "jit",
            "load",
        ),
        *(
            "loadfile",
            "loadstring",
            "module",
            "newproxy",
            "package",
            "print",
            "rawequal",
            "rawget",
            "rawset",
            "require",
        ),
        *("setfenv", "setmetatable", "string.dump", "xpcall", "os.execute", "os.exit", "os.remove", "os.rename"),
    )
)
"""Lua that takes away everything by which a script could leave its sandbox. `os.getenv` stays, for `env`."""

_TYPE = "type.googleapis.com/envoy.extensions.filters"


class RefusedError(Exception):
    """The runtime said no, as a client would see it."""


class Rendering:
    """An Envoy that renders. `close` it."""

    def __init__(self, before: str = FORBIDDEN) -> None:
        self.port = free_port()
        self._envoy = StandingEnvoy(_bootstrap(self.port, before), self.port)
        self.connection = self._envoy.connection

    def close(self) -> None:
        """End it."""
        self._envoy.close()

    def render(
        self, text: str, data: Any = None, *, pointer: bool = False, headers: dict[str, str] | None = None, **rest: Any
    ) -> str:
        """What a template becomes. Raises `TemplateError`, or `RefusedError` by the runtime."""
        return self.run(template_program(parse(text, pointer), text), data, headers=headers, **rest)

    def run(self, program: Any, data: Any = None, *, headers: dict[str, str] | None = None, **rest: Any) -> str:
        """What a program becomes."""
        asked = {"program": program, **rest}
        if data is not None:
            asked["data"] = data
        return self._ask(asked, headers or {}).decode()

    def parse(self, text: str) -> str:
        """A text read as JSON, and written again."""
        return self._ask({"parse": text}, {}).decode()

    def group(self, pattern: str, text: str, group: int = 0) -> str | None:
        """What a group holds when the whole text matches; None when it does not."""
        found = self._ask({"regex": regex_program(pattern)[0], "text": text, "group": group}, {}).decode()
        return found[3:] if found.startswith("yes") else None

    def replace(self, pattern: str, text: str, parts: list[Any]) -> str:
        """The text with all matches replaced."""
        return self._ask({"regex": regex_program(pattern)[0], "text": text, "parts": parts}, {}).decode()

    def replace_group(self, pattern: str, text: str, group: int, replacement: str) -> str:
        """The text with one group replaced."""
        asked = {"regex": regex_program(pattern)[0], "text": text, "group": group, "replacement": replacement}
        return self._ask(asked, {}).decode()

    def _ask(self, asked: dict[str, Any], headers: dict[str, str]) -> bytes:
        self.connection.request("POST", "/", json.dumps(asked, ensure_ascii=False).encode(), headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            assert answer.status == 400, body
            raise RefusedError(body.decode())
        return body


def _bootstrap(port: int, before: str) -> dict[str, Any]:
    lua = {"@type": f"{_TYPE}.http.lua.v3.Lua", "default_source_code": {"inline_string": before + SCRIPT + _ASKED}}
    manager = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "rendering",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"]}]},
        "http_filters": [
            {"name": "lua", "typed_config": lua},
            {"name": "router", "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"}},
        ],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "per_connection_buffer_limit_bytes": 64 * 1024 * 1024,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener]}}
