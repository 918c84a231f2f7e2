"""Secrets that are masked in bodies and access logs."""

from typing import Literal, TypeAlias

from daemun.api.gloo.common import Percent
from daemun.api.gloo.matchers import Matcher
from daemun.api.gloo.scalars import UInt32
from daemun.api.meta import Api, List

ActionType: TypeAlias = Literal[
    "CUSTOM",
    "SSN",
    "MASTERCARD",
    "VISA",
    "AMEX",
    "DISCOVER",
    "JCB",
    "DINERS_CLUB",
    "CREDIT_CARD_TRACKERS",
    "ALL_CREDIT_CARDS",
    "KEYVALUE",
    "ALL_CREDIT_CARDS_COMBINED",
]
EnableFor: TypeAlias = Literal["RESPONSE_BODY", "ACCESS_LOGS", "ALL"]


class RegexAction(Api, frozen=True):
    """A regex and the group of it to mask."""

    regex: str = ""
    subgroup: UInt32 = 0


class DlpCustomAction(Api, frozen=True):
    """Masks what regexes find."""

    name: str = ""
    regex: List[str] = ()
    mask_char: str = ""
    percent: Percent | None = None
    regex_actions: List[RegexAction] = ()


class DlpKeyValueAction(Api, frozen=True):
    """Masks the value of a key."""

    name: str = ""
    mask_char: str = ""
    percent: Percent | None = None
    key_to_mask: str = ""


class DlpAction(Api, frozen=True):
    """One thing to mask."""

    action_type: ActionType = "CUSTOM"
    custom_action: DlpCustomAction | None = None
    key_value_action: DlpKeyValueAction | None = None
    shadow: bool = False


class DlpRule(Api, frozen=True):
    """What is masked for the requests that match."""

    matcher: Matcher | None = None
    actions: List[DlpAction] = ()


class DlpFilterConfig(Api, frozen=True):
    """What is masked on a listener."""

    dlp_rules: List[DlpRule] = ()
    enabled_for: EnableFor = "RESPONSE_BODY"


class DlpConfig(Api, frozen=True):
    """What is masked on a virtual host or route."""

    actions: List[DlpAction] = ()
    enabled_for: EnableFor = "RESPONSE_BODY"
