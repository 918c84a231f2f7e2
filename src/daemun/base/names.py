"""How objects are named: `Name` within a kind, `Ref` across kinds.

Both are tuples so that they hash fast, sort the way people expect and travel as dictionary keys.
"""

from typing import NamedTuple

CORE = ""
"""The API group of Service, Secret, Namespace and the other core kinds."""
DAEMUN = "daemun.dev"
"""The group of what is Daemun's own."""
GATEWAY = "gateway.networking.k8s.io"
"""The API group of Gateway API."""
GLOO = "gloo.solo.io"
"""The API group of Gloo's Upstream, UpstreamGroup, Settings and Proxy."""
GLOO_GATEWAY = "gateway.solo.io"
"""The API group of Gloo's policies and of its classic Gateway, VirtualService and RouteTable."""
GLOO_KUBE_GATEWAY = "gateway.gloo.solo.io"
"""The API group of what Gloo adds to Gateway API: GatewayParameters and DirectResponse."""


class Name(NamedTuple):
    """An object within its kind. `namespace` is empty for cluster-scoped kinds."""

    namespace: str
    name: str

    @classmethod
    def of(cls, text: str) -> "Name":
        """The name that was written as `namespace/name`."""
        namespace, _, name = text.partition("/")
        return cls(namespace, name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Ref(NamedTuple):
    """An object of any kind. `group` is empty for the core group."""

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def key(self) -> Name:
        """The object's name within its kind."""
        return Name(self.namespace, self.name)

    def __str__(self) -> str:
        # Two APIs have Gateways. Gloo's is written as kubectl takes it.
        kind = f"{self.kind}.{self.group}" if (self.group, self.kind) == (GLOO_GATEWAY, "Gateway") else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"
