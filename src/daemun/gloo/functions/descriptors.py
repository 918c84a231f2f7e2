"""Descriptor sets that stand in ConfigMaps: `grpcJsonTranscoder.protoDescriptorConfigMap`."""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from daemun.api.core import ConfigMap
from daemun.api.gloo.listener_filters import DescriptorConfigMap, GrpcJsonTranscoder
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.references import GrantIndex, grant_to_write, permitted
from daemun.gloo.policies.policy import Meant

TRANSCODER = "grpcJsonTranscoder"
Faults = Callable[[Any, str], Iterable[tuple[str, str, str]]]
"""What is wrong with a transcoder that has its descriptor set."""


def transcoder_meaning(
    config_maps: Collection[Name, ConfigMap], faults: Faults, grants: GrantIndex | None = None
) -> Callable[[Reader, Ref, str, GrpcJsonTranscoder], Meant]:
    """From a transcoder to the same with its descriptor set; with `grants`, across namespaces with consent only."""

    def mean(reader: Reader, by: Ref, where: str, spec: GrpcJsonTranscoder) -> Meant:
        asked = spec.proto_descriptor_config_map
        if asked is None:
            return Meant(spec)
        at = f"{where}.protoDescriptorConfigMap"
        found = _descriptor(reader, by, at, asked)
        if isinstance(found, Finding):
            return Meant(errors=(found,))
        whole = msgspec.structs.replace(spec, proto_descriptor_config_map=None, proto_descriptor_bin=found)
        wrong = (
            Finding("Invalid", at if there.endswith(".protoDescriptorBin") else there, text, mend)
            for there, text, mend in faults(whole, where)
        )
        return Meant(whole, errors=tuple(wrong))

    def _descriptor(reader: Reader, by: Ref, where: str, asked: DescriptorConfigMap) -> bytes | Finding:
        ref = asked.config_map_ref
        if ref is None or not ref.name:
            return Finding("Invalid", f"{where}.configMapRef", "is missing", "Name the ConfigMap.")
        name = Name(ref.namespace or by.namespace, ref.name)
        target = Ref(CORE, "ConfigMap", *name)
        if grants is not None and not permitted(reader, grants, by, target):
            text = f"{target} is in another namespace, which has not granted it"
            return Finding("RefNotPermitted", where, text, grant_to_write(by, target))
        held = reader.get(config_maps, name)
        if held is None:
            return absent("Invalid", where, target)
        keys = sorted({*held.data, *held.binary_data})
        key = asked.key or (keys[0] if len(keys) == 1 else "")
        if key not in keys:
            has = ", ".join(keys) or "none"
            return Finding("Invalid", f"{where}.key", f"{target} has no key {key!r} (it has {has})", "Name one.")
        if key in held.binary_data and key not in held.data:
            return held.binary_data[key]
        try:
            return base64.b64decode("".join(held.data[key].split()), validate=True)
        except binascii.Error:
            return Finding("Invalid", where, f"{key} of {target} is not base64", "Encode the descriptor set so.")

    return mean
