"""What small worlds are made of: a few names, which objects share, and short words for strategies."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from support.objects.cases import documents

Doc = dict[str, Any]
GATEWAY = "gateway.networking.k8s.io"
NAMESPACES = ("default", "default", "default", "far")
HOSTS = ("", "a.test", "b.a.test", "*.a.test", "*.test", "c.other")
PEM = {
    doc["metadata"]["name"]: doc["stringData"]
    for doc in documents((Path(__file__).parents[2] / "golden" / "base.yaml").read_text())
    if doc["kind"] == "Secret"
}
AUTHORITIES = [
    doc["data"]
    for doc in documents((Path(__file__).parents[2] / "golden" / "base.yaml").read_text())
    if doc["kind"] == "ConfigMap"
]


def one(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Doc]:
    """A mapping with some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


def some(values: st.SearchStrategy[Any], most: int = 2, least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=least, max_size=most)


def manifest(
    version: str,
    kind: str,
    names: tuple[str, ...],
    namespaces: tuple[str, ...] = NAMESPACES,
    **fields: st.SearchStrategy[Any],
) -> st.SearchStrategy[Doc]:
    metadata = st.fixed_dictionaries(
        {"name": one(*names), "namespace": one(*namespaces)},
        optional={
            "creationTimestamp": one("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", None),
            "generation": st.integers(1, 3),
        },
    )
    return st.fixed_dictionaries(
        {"apiVersion": st.just(version), "kind": st.just(kind), "metadata": metadata, **fields}
    )


namespace_far = {"namespace": one("far")}
namespace = maybe(namespace=one(*NAMESPACES))
