"""Calls of Azure Functions: the route says which function, and has its key sent along.

The key is in no route: a credential injector in the cluster, which the route switches on, gets it by SDS.
"""

from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.features.drafts import Draft
from daemun.features.feature import Feature, Scene, disabled_filter
from daemun.features.injectors import injector
from daemun.ir.function import AZURE_FUNCTION, AzureCall
from daemun.ir.injected import FunctionKey
from daemun.ir.route import Use

_HEADER = "x-functions-key"
_WHOLE_PATH = "^/.*$"


def filter_name(function: str) -> str:
    """The injector of a function's key, in its app's cluster."""
    return f"daemun.azure.{function}"


def key_filter(function: str, key: FunctionKey) -> hcm_v3.HttpFilter:
    """The injector, which does nothing until a route to the function says so."""
    return disabled_filter(filter_name(function), injector(_HEADER, key.resource))


class AzureFunction(Feature[AzureCall]):
    """`destinationSpec.azure`, and filters of the kind Parameter that name a function.

    Each share of a rule has a route of its own: only a route can say what becomes of the path.
    """

    kind: ClassVar = AZURE_FUNCTION

    def does(self, spec: AzureCall, use: Use, scene: Scene) -> str:
        """Which function is called."""
        del use, scene
        return f"calls the function {spec.name} of Azure at {spec.host}{', with its key' if spec.keyed else ''}"

    def on_route(self, spec: AzureCall, use: Use, draft: Draft) -> None:
        """The path and the host are the function's, whatever else is said of them; the query stays."""
        del use
        if not draft.forwards:
            return
        action = draft.action
        for field in ("path_rewrite_policy", "prefix_rewrite"):
            action.ClearField(field)
        action.regex_rewrite.pattern.regex = _WHOLE_PATH
        action.regex_rewrite.substitution = f"/api/{spec.name}"
        action.host_rewrite_literal = spec.host
        if spec.keyed:
            told = route_v3.FilterConfig()
            told.config.SetInParent()
            draft.per_route(filter_name(spec.name), told)
