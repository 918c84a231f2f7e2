"""What a check says of a request."""

from collections.abc import Mapping
from typing import Any

import msgspec

Headers = tuple[tuple[str, str], ...]
"""Names, in lower case, and values. A value with a line break or a NUL in it makes of the answer a failure."""


class Allowed(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The request may pass, and goes on so.

    `user` is who sends it. `upstream` headers stand in the place of those of the request, `appended` ones beside them;
    `remove` names those that the backend does not get. `downstream` headers are added to the backend's answer.
    `metadata` is for Envoy's other filters, in the namespace envoy.filters.http.ext_authz.
    """

    user: str = ""
    upstream: Headers = ()
    appended: Headers = ()
    remove: tuple[str, ...] = ()
    downstream: Headers = ()
    metadata: Mapping[str, Any] = {}


class Denied(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """It may not, and this goes to the client. `metadata` is as in Allowed.

    Negated, such a check holds, unless the status is 500 or above: who is in trouble has not said no.
    """

    status: int = 401
    headers: Headers = ()
    body: str = ""
    metadata: Mapping[str, Any] = {}


class Respond(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The check answers in the place of the backend, and that ends the chain: a redirect, a page.

    `login` says that nobody is known who sends the request, and that the answer asks them to log in: a denial where
    the chain has `fail_on_redirect`, and where the check is negated.
    """

    status: int
    headers: Headers = ()
    body: str = ""
    login: bool = False


class Failed(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """It cannot be told whether it may. It does not, negated or not. `why` is for the log, without secrets."""

    why: str
    status: int = 500


Answer = Allowed | Denied | Respond | Failed
