"""A web application firewall with ModSecurity's rules."""

from typing import ClassVar, Literal, TypeAlias

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.scalars import OneOf
from daemun.api.meta import Api, List

AuditLogAction: TypeAlias = Literal["NEVER", "RELEVANT_ONLY", "ALWAYS"]
AuditLogLocation: TypeAlias = Literal["FILTER_STATE", "DYNAMIC_METADATA"]


class RuleSet(Api, frozen=True):
    """Rules, as text or in files."""

    rule_str: str = ""
    files: List[str] = ()
    directory: str = ""


class AuditLogging(Api, frozen=True):
    """When an audit log is written, and where to."""

    action: AuditLogAction = "NEVER"
    location: AuditLogLocation = "FILTER_STATE"


class RuleSetFromConfigMap(Api, frozen=True):
    """Rules in a ConfigMap."""

    config_map_ref: ResourceRef | None = None
    data_map_keys: List[str] = ()


class CoreRuleSet(Api, frozen=True):
    """Settings of OWASP's core rule set."""

    ONE_OF: ClassVar[OneOf] = (("custom_settings_string", "custom_settings_file"),)

    custom_settings_string: str | None = None
    custom_settings_file: str | None = None


class WafSettings(Api, frozen=True):
    """The firewall of a listener, virtual host or route."""

    disabled: bool = False
    custom_intervention_message: str = ""
    core_rule_set: CoreRuleSet | None = None
    rule_sets: List[RuleSet] = ()
    config_map_rule_sets: List[RuleSetFromConfigMap] = ()
    audit_logging: AuditLogging | None = None
    request_headers_only: bool = False
    response_headers_only: bool = False
