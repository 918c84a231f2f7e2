"""Calls of AWS Lambda: the route says which function, a script in the cluster makes a call of the request.

There whatever routes and policies change of a request is done, the response is judged as the function means it
(retries see its status), and signing comes right after. Envoy's own filter for Lambda (aws_lambda) has another form of
event than Gloo, no account, and no roles.
"""

import json
from importlib.resources import files
from typing import ClassVar

from envoy.extensions.filters.http.lua.v3 import lua_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.features.drafts import Draft
from daemun.features.feature import Feature, Scene
from daemun.inja.script import LIBRARY
from daemun.ir.function import AWS_LAMBDA, LambdaCall
from daemun.ir.route import Use

FILTER = "daemun.lambda"
MOST_BYTES = 6 * 1024 * 1024
"""What Lambda takes in a call, and answers at most."""
_SCRIPT = "lambda"
_CLOSED = """
function envoy_on_request(handle)
  handle:respond({ [":status"] = "500", ["content-type"] = "text/plain" }, "no function is called")
end
"""


def script_filter() -> hcm_v3.HttpFilter:
    """The script, for the cluster. What comes without a call is answered there: it would be signed as it is."""
    config = lua_pb2.Lua()
    own = files("daemun.features.functions").joinpath("lambda.lua").read_text(encoding="utf-8")
    config.default_source_code.inline_string = _CLOSED
    config.source_codes[_SCRIPT].inline_string = f"{LIBRARY}\n{own}"
    config.clear_route_cache.value = False
    found = hcm_v3.HttpFilter(name=FILTER)
    found.typed_config.Pack(config, deterministic=True)
    return found


class AwsLambda(Feature[LambdaCall]):
    """`destinationSpec.aws`, and filters of the kind Parameter that name a function.

    Each share of a rule has a route of its own: only a route can say how long a body may be.
    """

    kind: ClassVar = AWS_LAMBDA

    def does(self, spec: LambdaCall, use: Use, scene: Scene) -> str:
        """Which function is called."""
        del use, scene
        how = ", and does not wait for it" if spec.asynchronous else ""
        return f"calls the function {spec.name} of AWS Lambda{how}"

    def on_route(self, spec: LambdaCall, use: Use, draft: Draft) -> None:
        """The call, and room for what may be in it."""
        del use
        draft.per_route(FILTER, _config(spec))
        draft.proto.request_body_buffer_limit.value = MOST_BYTES


def _config(spec: LambdaCall) -> lua_pb2.LuaPerRoute:
    said = {
        "path": spec.path,
        "async": spec.asynchronous,
        "event": spec.event,
        "answer": spec.answer,
        "original": spec.original,
    }
    config = lua_pb2.LuaPerRoute(name=_SCRIPT)
    text = json.dumps({key: value for key, value in said.items() if value}, separators=(",", ":"))
    config.filter_context.update({"call": text})
    return config
