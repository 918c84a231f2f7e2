"""Which Gateways are ours: by their GatewayClass and its controller."""

from daemun.api.gateway import GatewayClass
from daemun.base.names import Name
from daemun.flow import Collection, Reader

CONTROLLER = "daemun.dev/gateway-controller"
GLOO_CONTROLLER = "solo.io/gloo-gateway"
CONTROLLERS = (CONTROLLER, GLOO_CONTROLLER)
BUILT_IN = {"daemun": CONTROLLER, "gloo-gateway": GLOO_CONTROLLER}
"""Classes that exist without being written, so that a folder needs none."""


def controller_of(reader: Reader, classes: Collection[Name, GatewayClass], class_name: str) -> str | None:
    """The controller of a class if it is one of ours."""
    written = reader.get(classes, Name("", class_name))
    controller = BUILT_IN.get(class_name) if written is None else written.spec.controller_name
    return controller if controller in CONTROLLERS else None
