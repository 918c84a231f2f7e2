"""Paths of the Kubernetes API."""

from daemun.base.names import Name


def root(group: str, version: str) -> str:
    """The path of a version of a group: it tells what kinds there are."""
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def resource(group: str, version: str, plural: str, name: Name | None = None, sub: str = "") -> str:
    """The path of a kind in the whole cluster, or of one object, or of its subresource (`status`)."""
    if name is None:
        return f"{root(group, version)}/{plural}"
    namespace = f"/namespaces/{name.namespace}" if name.namespace else ""
    return f"{root(group, version)}{namespace}/{plural}/{name.name}{f'/{sub}' if sub else ''}"


def within(group: str, version: str, plural: str, namespace: str) -> str:
    """The path of a kind in one namespace."""
    return f"{root(group, version)}/namespaces/{namespace}/{plural}"
