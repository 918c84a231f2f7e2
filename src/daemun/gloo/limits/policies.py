"""RateLimitPolicies: what each comes to, in the same descriptors and limits that Gloo's fields end in."""

from collections.abc import Callable, Iterable, Iterator

from daemun.api.gloo.common import Empty
from daemun.api.gloo.ratelimit import (
    MetadataAction,
    MetadataKey,
    MetadataPathSegment,
    RateLimitAction,
    RequestHeadersAction,
)
from daemun.api.rate_limit_policy import GlobalLimit, LimitKey, LocalLimit, RateLimitPolicy
from daemun.base.durations import milliseconds
from daemun.base.names import DAEMUN, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gloo.limits.actions import named
from daemun.gloo.limits.limited import OURS, Bucket, Computed, Policed, Rate
from daemun.gloo.limits.meaning import POLICY, asked
from daemun.gloo.limits.servers import Found, found_of
from daemun.gloo.policies.policy import Meant, Option, Policy, Target
from daemun.ir.quotas import Descriptor, Limits, Quota
from daemun.ir.route import Use

KIND = "RateLimitPolicy"
_SECOND = 1000
_TOKENS, _CLAIMS = "envoy.filters.http.jwt_authn", "daemun.claims"


def policy_rule(
    servers: Collection[Name, Found], *, own: bool
) -> Callable[[Reader, Name, RateLimitPolicy], Iterator[tuple[Name, Policy]]]:
    """The rule from a RateLimitPolicy to what it comes to. `own`: there is a service of Daemun's."""

    def read(reader: Reader, name: Name, policy: RateLimitPolicy) -> Iterator[tuple[Name, Policy]]:
        ref = Ref(DAEMUN, KIND, *name)
        limited = _policed(f"{KIND}/{name}", policy)
        meant = Meant(limited)
        if limited.rates:
            meant = asked(limited, found_of(reader, servers, own=own).ours, "spec.global")
        targets = tuple(
            Target(Ref(one.group, one.kind, name.namespace, one.name), one.section_name or "", f"spec.targetRefs[{at}]")
            for at, one in enumerate(policy.spec.target_refs)
        )
        option = Option(POLICY, POLICY, Use(POLICY, limited, "spec", meant.backends, ref))
        yield (
            name,
            Policy(
                ref=ref,
                generation=policy.metadata.generation,
                age=policy.age,
                targets=targets,
                options=(option,),
                warnings=meant.warnings,
            ),
        )

    return read


def _policed(root: str, policy: RateLimitPolicy) -> Policed:
    spec = policy.spec
    told = [_told(one, "in each proxy") for one in spec.local]
    told += [_told(one, "in all proxies together" + (", in shadow" if one.shadow else "")) for one in spec.global_]
    limits = Descriptor("generic_key", root, descriptors=tuple(map(_limit, range(len(spec.global_)), spec.global_)))
    return Policed(
        rates=tuple(Rate((named(root), named(str(at)), *map(_entry, one.by))) for at, one in enumerate(spec.global_)),
        quotas=(Limits(root, OURS, (limits,)),) if spec.global_ else (),
        told="; ".join(told),
        buckets=tuple(map(_bucket, range(len(spec.local)), spec.local)),
    )


def _limit(at: int, one: GlobalLimit) -> Descriptor:
    quota = Quota(one.requests, milliseconds(one.per) // _SECOND, one.window == "Sliding", one.shadow)
    found: tuple[Descriptor, ...] = ()
    for key in reversed(one.by):
        found = (Descriptor(_key(key), descriptors=found) if found else Descriptor(_key(key), quota=quota),)
    return Descriptor("generic_key", str(at), None if found else quota, descriptors=found)


def _bucket(at: int, one: LocalLimit) -> Bucket:
    return Bucket(
        Rate((named(str(at)), *map(_entry, one.by))),
        (("generic_key", str(at)), *((_key(key), "") for key in one.by)),
        most=one.burst or one.requests,
        more=one.requests,
        every=milliseconds(one.per),
        late=any(key.type == "Claim" for key in one.by),
    )


def _key(one: LimitKey) -> str:
    """Under what key an entry is."""
    match one.type:
        case "Header":
            return f"header:{(one.name or '').lower()}"
        case "Claim":
            return f"claim:{one.name}"
        case "ClientAddress":
            return "remote_address"
    return one.type.lower()


def _entry(one: LimitKey) -> RateLimitAction | Computed:
    match one.type:
        case "Header":
            return RateLimitAction(request_headers=RequestHeadersAction(one.name or "", _key(one)))
        case "Claim":
            where = MetadataKey(_TOKENS, (MetadataPathSegment(_CLAIMS), MetadataPathSegment(one.name or "")))
            return RateLimitAction(metadata=MetadataAction(_key(one), where))
        case "ClientAddress":
            return RateLimitAction(remote_address=Empty())
        case "Method":
            return RateLimitAction(request_headers=RequestHeadersAction(":method", _key(one)))
    # Without the query, which makes no other path.
    return Computed(_key(one), "request.url_path")


def _told(one: LocalLimit | GlobalLimit, where: str) -> str:
    each = " for each " + " and ".join(_words(one.by)) if one.by else ""
    return f"{one.requests} requests per {one.per}{each} {where}"


def _words(by: Iterable[LimitKey]) -> Iterator[str]:
    for one in by:
        word = "client address" if one.type == "ClientAddress" else one.type.lower()
        yield f"{word} {one.name}" if one.name else word
