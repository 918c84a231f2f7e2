"""bufferPerRoute, and buffer of a listener: requests are read as a whole before they go on (Gloo, Buffer)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.extensions.common.matching.v3 import extension_matcher_pb2 as matching_v3
from envoy.extensions.filters.http.buffer.v3 import buffer_pb2 as buffer_v3
from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3

from daemun.api.gloo.routing import Buffer as BufferSpec
from daemun.api.gloo.routing import BufferPerRoute as Spec
from daemun.features.composite import always, composite, nothing
from daemun.features.drafts import HostDraft
from daemun.features.feature import Fault, Feature, PerRoute, Scene
from daemun.ir.route import Use


class BufferPerRoute(PerRoute[Spec]):
    """Envoy's buffer filter. In Gloo it needs a buffer of the listener; here it works by itself.

    Envoy has no buffer filter that does nothing. So each route or host brings its own, in a composite filter.
    """

    kind: ClassVar = "bufferPerRoute"
    filter: ClassVar = "envoy.filters.http.buffer"
    rare: ClassVar = "buffers"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """A buffer without a size."""
        if spec.buffer is not None and not spec.buffer.max_request_bytes:
            yield f"{where}.buffer.maxRequestBytes", "is missing", "Say how large a request may be, in bytes."

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """How large a request may be that is held."""
        del use, scene
        if spec.buffer is None or spec.disabled:
            return "sends requests on as they come"
        return f"reads requests of up to {spec.buffer.max_request_bytes} bytes as a whole; answers larger ones with 413"

    def idle(self) -> matching_v3.ExtensionWithMatcher:
        """A place for a buffer."""
        return composite(self.filter)

    def config(self, spec: Spec) -> matching_v3.ExtensionWithMatcherPerRoute:
        """The buffer, or none in place of the host's."""
        if spec.buffer is None or spec.disabled:
            return nothing()
        return self.of(spec.buffer)

    def of(self, spec: BufferSpec) -> matching_v3.ExtensionWithMatcherPerRoute:
        """A buffer of some size."""
        config = buffer_v3.Buffer(max_request_bytes={"value": spec.max_request_bytes or 0})
        action = composite_v3.ExecuteFilterAction()
        action.typed_config.name = self.filter
        action.typed_config.typed_config.Pack(config, deterministic=True)
        return always(self.filter, action)


class Buffer(Feature[BufferSpec]):
    """The buffer of all hosts of a listener; one of a host or route is in its place."""

    kind: ClassVar = "buffer"
    rare: ClassVar = "buffers"

    def faults(self, spec: BufferSpec, where: str) -> Iterable[Fault]:
        """A buffer without a size."""
        return _PER_ROUTE.faults(Spec(buffer=spec), where)

    def does(self, spec: BufferSpec, use: Use, scene: Scene) -> str:
        """How large a request may be that is held."""
        return _PER_ROUTE.does(Spec(buffer=spec), use, scene)

    def on_host(self, spec: BufferSpec, use: Use, draft: HostDraft) -> None:
        """On each host of the listener, which routes may change."""
        del use
        draft.per_route(_PER_ROUTE.filter, _PER_ROUTE.of(spec))


_PER_ROUTE = BufferPerRoute()
