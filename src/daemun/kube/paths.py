"""Paths of the Kubernetes API."""

from daemun.base.names import Name


def resource(group: str, version: str, plural: str, name: Name | None = None, sub: str = "") -> str:
    """The path of a kind in the whole cluster, or of one object, or of its subresource (`status`)."""
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    if name is None:
        return f"{root}/{plural}"
    namespace = f"/namespaces/{name.namespace}" if name.namespace else ""
    return f"{root}{namespace}/{plural}/{name.name}{f'/{sub}' if sub else ''}"


def within(group: str, version: str, plural: str, namespace: str) -> str:
    """The path of a kind in one namespace."""
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    return f"{root}/namespaces/{namespace}/{plural}"
