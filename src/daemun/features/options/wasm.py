"""wasm: filters in WebAssembly, from files on the proxy's machine (Gloo, wasm.PluginSource)."""

from collections.abc import Iterable
from typing import Any, ClassVar

from envoy.extensions.filters.http.wasm.v3 import wasm_pb2 as filter_v3
from envoy.extensions.wasm.v3 import wasm_pb2 as wasm_v3
from google.protobuf import any_pb2, json_format, struct_pb2

from daemun.api.gloo.listener_filters import WasmFilter, WasmPluginSource
from daemun.features.drafts import ManagerDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.filter_stages import ACCEPTED, before
from daemun.gloo.served.fields import Fields
from daemun.ir.route import Use

_V8 = "envoy.wasm.runtime.v8"
_TYPE = "@type"
_NO_IMAGE = "Envoy reads files and not registries"


class Wasm(Feature[WasmPluginSource]):
    """Envoy's wasm filter, for each. Nobody knows what one guards: without it nothing passes, unless it may `failOpen`.

    The control plane never reads the file. Where Envoy cannot, the port stays as it last was.
    """

    kind: ClassVar = "wasm"
    guards: ClassVar = True
    serves: ClassVar = (
        Fields(
            WasmFilter,
            ("filePath", "config", "filterStage", "name", "rootId", "failOpen"),
            {"image": f"{_NO_IMAGE}; name a filePath", "vmType": "Envoy has V8 alone, which runs all of it"},
        ),
    )

    def moves(self, spec: WasmPluginSource) -> bool:
        """It may change whatever routes are chosen by: nobody knows what a module does."""
        return bool(spec.filters)

    def faults(self, spec: WasmPluginSource, where: str) -> Iterable[Fault]:
        """Filters that are nowhere, and configuration of types that nobody knows."""
        for index, one in enumerate(spec.filters):
            at = f"{where}.filters[{index}]"
            if one.image and not one.fail_open:
                yield f"{at}.image", f"cannot be had: {_NO_IMAGE}", "Put the file on the proxy's machine: filePath."
            elif not one.image and not one.file_path:
                yield f"{at}.filePath", "is missing", "Name a file on the proxy's machine."
            if one.config is not None and _packed(one.config) is None:
                text = f"cannot be read as {one.config[_TYPE]!r}"
                yield f"{at}.config", text, "Use StringValue, BytesValue or Struct of google.protobuf."

    def omits(self, spec: WasmPluginSource, where: str) -> Iterable[Fault]:
        """Images that may be left out; the others are faults."""
        wrong = {at for at, _, _ in self.faults(spec, where)}
        return (one for one in super().omits(spec, where) if one[0] not in wrong)

    def does(self, spec: WasmPluginSource, use: Use, scene: Scene) -> str:
        """Which modules run."""
        del use, scene
        return f"runs WebAssembly: {', '.join(one.file_path for one in spec.filters if one.file_path) or 'nothing'}"

    def on_manager(self, spec: WasmPluginSource, use: Use, draft: ManagerDraft) -> None:
        """Each at its stage."""
        del use
        for index, one in enumerate(spec.filters):
            if one.file_path:
                stage = before(one.filter_stage or ACCEPTED)
                draft.whole(self.kind, f"daemun.wasm.{index}", filter_v3.Wasm(config=_plugin(one)), stage)


def _plugin(spec: WasmFilter) -> wasm_v3.PluginConfig:
    plugin = wasm_v3.PluginConfig(name=spec.name, root_id=spec.root_id)
    plugin.failure_policy = wasm_v3.FAIL_OPEN if spec.fail_open else wasm_v3.FAIL_CLOSED
    plugin.vm_config.runtime = _V8
    plugin.vm_config.code.local.filename = spec.file_path or ""
    packed = _packed(spec.config) if spec.config is not None else None
    if packed is not None:
        plugin.configuration.CopyFrom(packed)
    return plugin


def _packed(config: dict[str, Any]) -> any_pb2.Any | None:
    """What Envoy hands to the filter: text and bytes as they are, all else as JSON."""
    packed = any_pb2.Any()
    try:
        if _TYPE in config:
            json_format.ParseDict(config, packed)
        else:
            packed.Pack(json_format.ParseDict(config, struct_pb2.Struct()), deterministic=True)
    except json_format.ParseError:
        return None
    return packed
