"""API keys of apiKeyAuth: from Secrets, by name or by label."""

from collections.abc import Iterator
from hashlib import sha256

from daemun.api.gloo.auth_config import ApiKeyAuth, ApiKeyMetadataEntry, ApiKeySecretKey
from daemun.api.gloo.common import ResourceRef
from daemun.base.names import Name
from daemun.gatewayapi.findings import Finding
from daemun.gloo import secrets
from daemun.gloo.auth.finding import Following
from daemun.ir.auth.asked import Key, Keys
from daemun.ir.auth.checks import ApiKey
from daemun.ir.auth.checks import ApiKeyAuth as Check

_HEADER = "api-key"


def api_keys(
    spec: ApiKeyAuth, where: str, follow: Following, *, refs_field: str = "apiKeySecretRefs", query: str = ""
) -> tuple[Check, Keys]:
    """The keys as Daemun's server has them, hashed, and as Envoy has them.

    They are in a header, or in a parameter of the `query`, if there is one.
    """
    storage, within = spec.k8s_secret_apikey_storage, where
    refs, labels = spec.api_key_secret_refs, spec.label_selector
    if spec.aerospike_apikey_storage is not None:
        follow.wrong(f"{where}.aerospikeApikeyStorage", "is not served", "Keep API keys in Secrets.", "NotServed")
        refs, labels = (), {}
    elif storage is not None:
        refs, labels = storage.api_key_secret_refs, storage.label_selector
        within = f"{where}.k8sSecretApikeyStorage"
    found: dict[str, tuple[Name, secrets.ApiKey]] = {}
    for name, one in (*_named(refs, f"{within}.{refs_field}", follow), *_selected(labels, within, follow)):
        other = found.setdefault(one.key, (name, one))[0]
        if other != name:
            follow.undone(within, f"Secrets {other} and {name} have the same key", f"It is known as that of {other}.")
    if not found and not follow.errors:
        follow.wrong(within, "there are no API keys, so that nobody could come in", "Name or label a Secret.")
    entries: dict[str, ApiKeySecretKey | ApiKeyMetadataEntry] = {
        **spec.headers_from_metadata,
        **spec.headers_from_metadata_entry,
    }
    required = {entry.name for entry in entries.values() if entry.required and not spec.skip_metadata_validation}
    place = follow.header(f"{where}.headerName", spec.header_name or ("" if query else _HEADER))
    for header in entries:
        follow.header(f"{where}.headersFromMetadataEntry", header)
    check = Check(
        keys=tuple(ApiKey(_hash(one.key), str(name), dict(one.metadata)) for name, one in found.values()),
        header=place,
        query=query,
        headers={header: entry.name for header, entry in sorted(entries.items())},
        required=tuple(sorted(required)),
    )
    return check, Keys(place, tuple(Key(str(name), one.key) for name, one in found.values()), query)


def _named(refs: tuple[ResourceRef, ...], within: str, follow: Following) -> Iterator[tuple[Name, secrets.ApiKey]]:
    for index, ref in enumerate(refs):
        one = follow.secret(f"{within}[{index}]", ref, secrets.ApiKey)
        if one is not None:
            yield Name(ref.namespace or follow.ref.namespace, ref.name), one


def _selected(labels: dict[str, str], within: str, follow: Following) -> Iterator[tuple[Name, secrets.ApiKey]]:
    """Those that bear the labels. A broken one is nobody's key, and the others stay good."""
    for name in follow.secrets_with(labels):
        one = follow.held(f"{within}.labelSelector", name, secrets.ApiKey)
        if isinstance(one, Finding):
            follow.warnings.append(one)
        else:
            yield name, one


def _hash(key: str) -> str:
    return sha256(key.encode()).hexdigest()
