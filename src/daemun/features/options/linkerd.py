"""Settings' `linkerd`: a proxy of Linkerd's beside ours learns from a header where each request is meant to go.

The cluster knows that (`envoy.upstreams.meshed`), so that it is right whichever route, share or try a request is of.
What a client says itself is removed before anything else is done: Linkerd would follow it anywhere.
"""

from typing import ClassVar

from envoy.config.core.v3 import extension_pb2
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2 as mutation_v3
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import header_mutation_pb2 as early_v3

from daemun.features.drafts import ManagerDraft
from daemun.features.feature import Feature, Scene
from daemun.ir.mesh import LINKERD, METADATA
from daemun.ir.route import Use

_HEADER = "l5d-dst-override"


class Linkerd(Feature[bool]):
    """The header `l5d-dst-override`, on requests to Services."""

    kind: ClassVar = LINKERD

    def does(self, spec: bool, use: Use, scene: Scene) -> str:
        """What Linkerd is told."""
        del spec, use, scene
        return f"tells Linkerd by {_HEADER} which Service it is for"

    def on_manager(self, spec: bool, use: Use, draft: ManagerDraft) -> None:
        """Off with the client's, and on with ours once the cluster is known."""
        del spec, use
        early = early_v3.HeaderMutation()
        early.mutations.add(remove=_HEADER)
        extension = extension_pb2.TypedExtensionConfig(name="envoy.http.early_header_mutation.linkerd")
        extension.typed_config.Pack(early, deterministic=True)
        draft.proto.early_header_mutation_extensions.append(extension)
        config = mutation_v3.HeaderMutation()
        option = config.mutations.request_mutations.add().append
        option.append_action = option.OVERWRITE_IF_EXISTS_OR_ADD
        option.header.key, option.header.value = _HEADER, f"%METADATA(CLUSTER:{METADATA}:{LINKERD})%"
        last = draft.router.upstream_http_filters.add(name=f"envoy.filters.http.header_mutation/{LINKERD}")
        last.typed_config.Pack(config, deterministic=True)
