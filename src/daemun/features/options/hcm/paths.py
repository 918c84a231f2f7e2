"""What becomes of a request's path, host and header names before a route is looked for, and of its headers."""

from collections.abc import Iterable

from envoy.config.core.v3 import base_pb2 as core_v3
from envoy.config.core.v3 import protocol_pb2 as protocol_v3
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import header_mutation_pb2

from daemun.api.gloo.hcm import HttpConnectionManagerSettings as Spec
from daemun.api.gloo.routing import EarlyHeaderManipulation
from daemun.base.framing import TOLD, framing
from daemun.features.drafts import ManagerDraft
from daemun.features.feature import Fault
from daemun.features.formats import format_faults
from daemun.features.wrapped import put_all

_UNDERSCORES = {"ALLOW": "ALLOW", "REJECT_CLIENT_REQUEST": "REJECT_REQUEST", "DROP_HEADER": "DROP_HEADER"}
_EARLY = "envoy.http.early_header_mutation.header_mutation"


def faults(spec: Spec, where: str) -> Iterable[Fault]:
    """Early headers that no request can carry."""
    early = spec.early_header_manipulation
    for index, one in enumerate(early.headers_to_add if early is not None else ()):
        at = f"{where}.earlyHeaderManipulation.headersToAdd[{index}].header"
        if one.header is None or not one.header.key:
            yield at, "names no header", "Name it."
        elif framing(one.header.key):
            yield f"{at}.key", f"{one.header.key!r} {TOLD}", "Remove it."
        else:
            yield from format_faults(one.header.value, f"{at}.value")


def put_paths(spec: Spec, draft: ManagerDraft) -> None:
    """As Envoy's fields of the same names."""
    manager = draft.proto
    put_all(manager, spec, ("normalize_path", "merge_slashes", "strip_any_host_port"))
    if spec.path_with_escaped_slashes_action is not None:
        action = manager.PathWithEscapedSlashesAction.Value(spec.path_with_escaped_slashes_action)
        manager.path_with_escaped_slashes_action = action
    if spec.headers_with_underscores_action is not None:
        name = _UNDERSCORES[spec.headers_with_underscores_action]
        of = protocol_v3.HttpProtocolOptions.HeadersWithUnderscoresAction
        manager.common_http_protocol_options.headers_with_underscores_action = of.Value(name)
    if spec.early_header_manipulation is not None:
        # Before Daemun's own, which says where the route is looked for.
        extensions = list(manager.early_header_mutation_extensions)
        del manager.early_header_mutation_extensions[:]
        first = manager.early_header_mutation_extensions.add(name=_EARLY)
        first.typed_config.Pack(_early(spec.early_header_manipulation), deterministic=True)
        manager.early_header_mutation_extensions.extend(extensions)


def _early(spec: EarlyHeaderManipulation) -> header_mutation_pb2.HeaderMutation:
    mutation = header_mutation_pb2.HeaderMutation()
    for name in spec.headers_to_remove:
        mutation.mutations.add(remove=name)
    for one in spec.headers_to_add:
        if one.header is not None:
            action = core_v3.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
            if one.append is False:
                action = core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
            header = core_v3.HeaderValue(key=one.header.key, value=one.header.value)
            mutation.mutations.add(append=core_v3.HeaderValueOption(header=header, append_action=action))
    return mutation
