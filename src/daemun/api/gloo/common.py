"""What the messages of Gloo's API share: references, selectors, matchers of strings and headers, ranges."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.scalars import Duration, Int64, OneOf, Struct, UInt32
from daemun.api.meta import Api, List

ExpressionOperator: TypeAlias = Literal[
    "Equals", "DoubleEquals", "NotEquals", "In", "NotIn", "Exists", "DoesNotExist", "GreaterThan", "LessThan"
]
DenominatorType: TypeAlias = Literal["HUNDRED", "TEN_THOUSAND", "MILLION"]
Protocol: TypeAlias = Literal["TCP", "UDP"]
FilterStageStage: TypeAlias = Literal[
    "FaultStage",
    "CorsStage",
    "WafStage",
    "AuthNStage",
    "AuthZStage",
    "RateLimitStage",
    "AcceptedStage",
    "OutAuthStage",
    "RouteStage",
]
FilterStagePredicate: TypeAlias = Literal["During", "Before", "After"]


class ResourceRef(Api, frozen=True):
    """A reference to an object; of which kind, its place tells."""

    name: str = ""
    namespace: str = ""


class Empty(Api, frozen=True):
    """A message without fields: that it is there is all it says."""


class PolicyTargetReference(Api, frozen=True):
    """What a policy is for, as a whole."""

    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str | None = None


class PolicyTargetReferenceWithSectionName(Api, frozen=True):
    """What a policy is for: a Gateway, or one of its listeners."""

    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str | None = None
    section_name: str | None = None


class Extensions(Api, frozen=True):
    """Configuration of extensions by their names, passed on as it is."""

    configs: dict[str, Struct] = field(default_factory=dict)


class HeaderValue(Api, frozen=True):
    """A header with its value."""

    key: str = ""
    value: str = ""


class Expression(Api, frozen=True):
    """One condition on the labels of an object."""

    key: str = ""
    operator: ExpressionOperator = "Equals"
    values: List[str] = ()


class Selector(Api, frozen=True):
    """Objects by their labels, in some namespaces; `*` stands for all of them."""

    namespaces: List[str] = ()
    labels: dict[str, str] = field(default_factory=dict)
    expressions: List[Expression] = ()


class GoogleRE2(Api, frozen=True):
    """The regex engine. `maxProgramSize` is a bound on what a regex may cost; Envoy has its own."""

    max_program_size: UInt32 | None = None


class RegexMatcher(Api, frozen=True):
    """A regular expression in RE2's syntax."""

    google_re2: GoogleRE2 | None = None
    regex: str = ""


class RegexMatchAndSubstitute(Api, frozen=True):
    r"""Replaces what a regex matches; `\1` stands for its first group."""

    pattern: RegexMatcher | None = None
    substitution: str = ""


class StringMatcher(Api, frozen=True):
    """Matches a text."""

    ONE_OF: ClassVar[OneOf] = (("exact", "prefix", "suffix", "safe_regex"),)

    exact: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    safe_regex: RegexMatcher | None = None
    ignore_case: bool = False


class ListStringMatcher(Api, frozen=True):
    """Matches a text that one of these matches."""

    patterns: List[StringMatcher] = ()


class Int64Range(Api, frozen=True):
    """Whole numbers from `start` up to, but without, `end`."""

    start: Int64 = 0
    end: Int64 = 0


class EnvoyHeaderMatcher(Api, frozen=True):
    """Matches a request's header, in Envoy's words. Without any condition: that it is there."""

    ONE_OF: ClassVar[OneOf] = (
        ("exact_match", "safe_regex_match", "range_match", "present_match", "prefix_match", "suffix_match"),
    )

    name: str = ""
    exact_match: str | None = None
    safe_regex_match: RegexMatcher | None = None
    range_match: Int64Range | None = None
    present_match: bool | None = None
    prefix_match: str | None = None
    suffix_match: str | None = None
    invert_match: bool = False


class FractionalPercent(Api, frozen=True):
    """`numerator` of `denominator`."""

    numerator: UInt32 = 0
    denominator: DenominatorType = "HUNDRED"


class Percent(Api, frozen=True):
    """A share of 100."""

    value: float = 0.0


class RuntimeUInt32(Api, frozen=True):
    """A number that Envoy's runtime may override."""

    default_value: UInt32 = 0
    runtime_key: str = ""


class RuntimeFractionalPercent(Api, frozen=True):
    """A share that Envoy's runtime may override."""

    default_value: FractionalPercent | None = None
    runtime_key: str = ""


class BackoffStrategy(Api, frozen=True):
    """How long to wait between tries: longer each time, from `baseInterval` up to `maxInterval`."""

    base_interval: Duration | None = None
    max_interval: Duration | None = None


class GrpcRetryPolicy(Api, frozen=True):
    """How often, and after which pauses, a call of a gRPC service is tried again."""

    retry_back_off: BackoffStrategy | None = None
    num_retries: UInt32 | None = None


class CidrRange(Api, frozen=True):
    """A range of IP addresses."""

    address_prefix: str = ""
    prefix_len: UInt32 | None = None


class SocketAddress(Api, frozen=True):
    """An address and a port."""

    ONE_OF: ClassVar[OneOf] = (("port_value", "named_port"),)

    protocol: Protocol = "TCP"
    address: str = ""
    port_value: UInt32 | None = None
    named_port: str | None = None
    resolver_name: str = ""
    ipv4_compat: bool = False


class Pipe(Api, frozen=True):
    """A Unix socket."""

    path: str = ""
    mode: UInt32 = 0


class Address(Api, frozen=True):
    """Where something listens."""

    ONE_OF: ClassVar[OneOf] = (("socket_address", "pipe"),)

    socket_address: SocketAddress | None = None
    pipe: Pipe | None = None


class FilterStage(Api, frozen=True):
    """A place in the chain of HTTP filters: before, in or after a stage."""

    stage: FilterStageStage = "FaultStage"
    predicate: FilterStagePredicate = "During"
