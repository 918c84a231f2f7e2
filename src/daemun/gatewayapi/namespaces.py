"""Namespaces that may attach: routes to a listener, ListenerSets to a Gateway."""

from daemun.api.core import Namespace
from daemun.api.gateway import ListenerNamespaces, RouteNamespaces
from daemun.base.names import Name
from daemun.flow import Collection, Reader

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that every Namespace has (Kubernetes), also one that nobody wrote."""


def allowed(
    reader: Reader,
    namespaces: Collection[Name, Namespace],
    rule: RouteNamespaces | ListenerNamespaces,
    home: str,
    namespace: str,
) -> bool:
    """Whether a rule that an object in namespace `home` states lets in what is in `namespace`."""
    match rule.from_:
        case "All":
            return True
        case "Same":
            return namespace == home
        case "Selector":
            written = reader.get(namespaces, Name("", namespace))
            labels = {**(written.metadata.labels if written else {}), NAMESPACE_NAME: namespace}
            return rule.selector is not None and rule.selector.selects(labels)
        case _:
            return False
