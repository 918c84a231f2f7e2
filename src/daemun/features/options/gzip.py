"""gzip: responses are compressed for clients that can read it (Gloo, Gzip)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.core.v3 import extension_pb2 as extension_v3
from envoy.extensions.compression.gzip.compressor.v3 import gzip_pb2
from envoy.extensions.filters.http.compressor.v3 import compressor_pb2

from daemun.api.gloo.listener_filters import Gzip as Spec
from daemun.features.constraints import broken
from daemun.features.drafts import ManagerDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.wrapped import put, put_all
from daemun.ir.route import Use

_LEVELS = {"DEFAULT": "DEFAULT_COMPRESSION", "BEST": "BEST_COMPRESSION", "SPEED": "BEST_SPEED"}
_STRATEGIES = {"DEFAULT": "DEFAULT_STRATEGY", "FILTERED": "FILTERED", "HUFFMAN": "HUFFMAN_ONLY", "RLE": "RLE"}


class Gzip(Feature[Spec]):
    """Envoy's compressor, for all responses of a listener."""

    kind: ClassVar = "gzip"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """Numbers that zlib does not have."""
        for _, text in broken(_library(spec)):
            yield where, text, "Use what zlib has."

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Which types of responses are compressed."""
        del use, scene
        types = ", ".join(spec.content_type) or "text"
        return f"compresses responses of {types} with gzip, if the client takes that"

    def on_manager(self, spec: Spec, use: Use, draft: ManagerDraft) -> None:
        """As Envoy's fields of the same meaning."""
        del use
        config = compressor_pb2.Compressor()
        response = config.response_direction_config
        put(response.common_config, "min_content_length", spec.content_length)
        response.common_config.content_type.extend(spec.content_type)
        response.disable_on_etag_header = spec.disable_on_etag_header
        response.remove_accept_encoding_header = spec.remove_accept_encoding_header
        library = extension_v3.TypedExtensionConfig(name="envoy.compression.gzip.compressor")
        library.typed_config.Pack(_library(spec), deterministic=True)
        config.compressor_library.CopyFrom(library)
        draft.always(self.kind, "envoy.filters.http.compressor", config)


def _library(spec: Spec) -> gzip_pb2.Gzip:
    library = gzip_pb2.Gzip()
    put_all(library, spec, ("memory_level", "window_bits"))
    library.compression_level = library.CompressionLevel.Value(_LEVELS[spec.compression_level])
    library.compression_strategy = library.CompressionStrategy.Value(_STRATEGIES[spec.compression_strategy])
    return library
