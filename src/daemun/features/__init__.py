"""What can be done to a request, one file a feature. The order of `FEATURES` is the order of Envoy's HTTP filters.

To add one: write its file with a `Feature`, put it in the tuple, add a golden case and a page under `docs/features/`.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from daemun.features.cors import Cors
from daemun.features.external_auth import ExternalAuth
from daemun.features.feature import Draft, Fault, Feature, Scene
from daemun.features.headers import RequestHeaderModifier, ResponseHeaderModifier
from daemun.features.mirror import RequestMirror
from daemun.features.redirect import RequestRedirect
from daemun.features.retry import Retry
from daemun.features.rewrite import URLRewrite
from daemun.features.session import SessionPersistence
from daemun.features.timeouts import Timeouts
from daemun.ir.route import Rule

FEATURES: tuple[Feature[Any], ...] = (
    Cors(),
    ExternalAuth(),
    SessionPersistence(),
    RequestHeaderModifier(),
    ResponseHeaderModifier(),
    RequestMirror(),
    URLRewrite(),
    Timeouts(),
    Retry(),
    RequestRedirect(),
)
BY_KIND: Mapping[str, Feature[Any]] = MappingProxyType({feature.kind: feature for feature in FEATURES})


def rule_faults(rule: Rule) -> Iterable[Fault]:
    """What the features in use find wrong with a rule."""
    for use in rule.uses:
        yield from BY_KIND[use.kind].faults(use.spec, use.where, rule)
    for backend in rule.backends:
        for use in backend.uses:
            yield from BY_KIND[use.kind].faults(use.spec, use.where, rule)


__all__ = ["BY_KIND", "FEATURES", "Draft", "Fault", "Feature", "Scene", "rule_faults"]
