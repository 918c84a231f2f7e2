"""Which requests a route of Gloo takes."""

from typing import ClassVar

from daemun.api.gloo.common import Empty
from daemun.api.gloo.scalars import OneOf
from daemun.api.meta import Api, List


class HeaderMatcher(Api, frozen=True):
    """A condition on a header. Without a value: that it is there."""

    name: str = ""
    value: str = ""
    regex: bool = False
    invert_match: bool = False


class QueryParameterMatcher(Api, frozen=True):
    """A condition on a query parameter. Without a value: that it is there."""

    name: str = ""
    value: str = ""
    regex: bool = False


class Matcher(Api, frozen=True):
    """A condition on a request: path, headers, query parameters and method, all of which must hold."""

    ONE_OF: ClassVar[OneOf] = (("prefix", "exact", "regex", "connect_matcher"),)

    prefix: str | None = None
    exact: str | None = None
    regex: str | None = None
    connect_matcher: Empty | None = None
    case_sensitive: bool | None = None
    headers: List[HeaderMatcher] = ()
    query_parameters: List[QueryParameterMatcher] = ()
    methods: List[str] = ()
