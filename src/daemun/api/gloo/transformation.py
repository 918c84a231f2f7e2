"""Transformations of requests and responses with Inja templates."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.common import Empty
from daemun.api.gloo.matchers import HeaderMatcher, Matcher
from daemun.api.gloo.scalars import OneOf, UInt32
from daemun.api.meta import Api, List

ExtractionMode: TypeAlias = Literal["EXTRACT", "SINGLE_REPLACE", "REPLACE_ALL"]
RequestBodyParse: TypeAlias = Literal["ParseAsJson", "DontParse"]


class InjaTemplate(Api, frozen=True):
    """A template in Inja's syntax. It is text here and never run."""

    text: str = ""


class Extraction(Api, frozen=True):
    """A value taken out of a header or the body by a regex."""

    ONE_OF: ClassVar[OneOf] = (("header", "body"),)

    header: str | None = None
    body: Empty | None = None
    regex: str = ""
    subgroup: UInt32 = 0
    replacement_text: str | None = None
    mode: ExtractionMode = "EXTRACT"


class HeaderToAppend(Api, frozen=True):
    """A header that is added to those of the same name."""

    key: str = ""
    value: InjaTemplate | None = None


class DynamicMetadataValue(Api, frozen=True):
    """A value for the filters that come after."""

    metadata_namespace: str = ""
    key: str = ""
    value: InjaTemplate | None = None
    json_to_proto: bool = False


class SpanTransformer(Api, frozen=True):
    """A name for the span of the request."""

    name: InjaTemplate | None = None


class TransformationTemplate(Api, frozen=True):
    """What becomes of headers and body, and what they are made of."""

    ONE_OF: ClassVar[OneOf] = (("body", "passthrough", "merge_extractors_to_body"),)

    advanced_templates: bool = False
    extractors: dict[str, Extraction] = field(default_factory=dict)
    headers: dict[str, InjaTemplate] = field(default_factory=dict)
    headers_to_append: List[HeaderToAppend] = ()
    headers_to_remove: List[str] = ()
    body: InjaTemplate | None = None
    passthrough: Empty | None = None
    merge_extractors_to_body: Empty | None = None
    parse_body_behavior: RequestBodyParse = "ParseAsJson"
    ignore_error_on_parse: bool = False
    dynamic_metadata_values: List[DynamicMetadataValue] = ()
    escape_characters: bool | None = None
    span_transformer: SpanTransformer | None = None


class HeaderBodyTransform(Api, frozen=True):
    """Headers and body become one JSON document, as AWS Lambda takes it."""

    add_request_metadata: bool = False


class XsltTransformation(Api, frozen=True):
    """An XSLT sheet for XML bodies."""

    xslt: str = ""
    set_content_type: str = ""
    non_xml_transform: bool = False


class Transformation(Api, frozen=True):
    """One transformation, of one of three ways."""

    ONE_OF: ClassVar[OneOf] = (("transformation_template", "header_body_transform", "xslt_transformation"),)

    transformation_template: TransformationTemplate | None = None
    header_body_transform: HeaderBodyTransform | None = None
    xslt_transformation: XsltTransformation | None = None
    log_request_response_info: bool = False


class RequestMatch(Api, frozen=True):
    """Transformations of the requests that match, and of their responses."""

    matcher: Matcher | None = None
    clear_route_cache: bool = False
    request_transformation: Transformation | None = None
    response_transformation: Transformation | None = None


class ResponseMatch(Api, frozen=True):
    """A transformation of the responses that match."""

    matchers: List[HeaderMatcher] = ()
    response_code_details: str = ""
    response_transformation: Transformation | None = None


class RequestResponseTransformations(Api, frozen=True):
    """Transformations of a stage; the first that matches is done."""

    request_transforms: List[RequestMatch] = ()
    response_transforms: List[ResponseMatch] = ()


class TransformationStages(Api, frozen=True):
    """Transformations by stage: before everything else, before the router, and once the endpoint is known."""

    early: RequestResponseTransformations | None = None
    regular: RequestResponseTransformations | None = None
    post_routing: RequestResponseTransformations | None = None
    inherit_transformation: bool = False
    log_request_response_info: bool | None = None
    escape_characters: bool | None = None


class Transformations(Api, frozen=True):
    """A transformation of all requests and responses: the old way to write `stagedTransformations.regular`."""

    request_transformation: Transformation | None = None
    clear_route_cache: bool = False
    response_transformation: Transformation | None = None


class Parameters(Api, frozen=True):
    """Parameters of a function that are taken from headers and the path."""

    headers: dict[str, str] = field(default_factory=dict)
    path: str | None = None
