"""Copies of requests for another backend, whose answers are dropped: what mirrors and shadows have in common."""

from daemun.features.drafts import Draft
from daemun.features.percent import millionths
from daemun.ir.backend import BackendKey

MILLION = 1_000_000


def shadow(draft: Draft, backend: BackendKey | None, share: int, *, same_host: bool, host: str = "") -> None:
    """Copy a share, in millionths, of a route's requests; none where there is nobody to copy to.

    Envoy copies after the headers were changed. The Host of a copy ends with `-shadow` unless it is to be the `same`;
    or it is the `host` that is given.
    """
    if backend is None or not draft.forwards:
        return
    mirror = draft.action.request_mirror_policies.add(
        cluster=draft.cluster(backend), disable_shadow_host_suffix_append=same_host
    )
    if host:
        mirror.host_rewrite_literal = host
    if share < MILLION:
        mirror.runtime_fraction.default_value.CopyFrom(millionths(share))
