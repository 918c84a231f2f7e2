"""What kind of request somebody sends who is not known, and what they are shown."""

from urllib.parse import parse_qs, urlsplit

from daemun.extauth.answers import Respond
from daemun.extauth.oauth import pages
from daemun.extauth.request import Request

_MOST_FIELDS = 50
"""Parameters with which a provider sends browsers back: anybody may send some, and 60 kB of them take a while."""


def navigates(request: Request) -> bool:
    """Whether a browser goes to a page: a redirect is of use to it, and to no script, image or API client.

    Browsers say so (Fetch Metadata). Others are taken for one unless they ask for something else than a page.
    """
    mode = request.header("sec-fetch-mode")
    if mode:
        return mode == "navigate"
    if request.header("x-requested-with").lower() == "xmlhttprequest" or request.header("upgrade"):
        return False
    accept = request.header("accept").lower()
    return not accept or "text/html" in accept or ("*/*" in accept and "json" not in accept)


def unseen(request: Request) -> bool:
    """Whether a page of another site asks without anybody seeing it: by an image or a script, and not by a link.

    Where a cookie is `SameSite=None` these have it with them. Frames are left: providers sign out by them.
    """
    site, mode = request.header("sec-fetch-site"), request.header("sec-fetch-mode")
    return site == "cross-site" and mode not in ("", "navigate")


def said(query: str) -> dict[str, list[str]]:
    """What a browser brings back from the provider; nothing of what no provider says."""
    try:
        return parse_qs(query, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}


def came_from(request: Request) -> str:
    """The page of this host that a form was on; else the root."""
    page = urlsplit(request.header("referer"))
    if page.netloc.lower() != request.host.lower() or not page.path.startswith("/"):
        return "/"
    return page.path + (f"?{page.query}" if page.query else "")


def local(path: str) -> str:
    """A link to a path of this host, whatever the path begins with."""
    return "/" + path.lstrip("/\\") if path else ""


def refused(error: str, back: str, cookies: tuple[str, ...]) -> Respond:
    """The provider sends a browser back without a code (RFC 6749, 4.1.2.1)."""
    if error in ("server_error", "temporarily_unavailable"):
        said = 503, "Sign-in is not available", "The identity provider has a problem."
    elif error == "access_denied":
        said = 403, "Sign-in was refused", "You, or the identity provider, did not allow it."
    else:
        said = 401, "Sign-in failed", "The identity provider did not sign you in."
    return pages.page(*said, back, cookies=cookies)


def failed(back: str, cookies: tuple[str, ...]) -> Respond:
    """The provider gives no tokens for a code, or none that are right."""
    return pages.page(
        502, "Sign-in failed", "What the identity provider answers cannot be used.", back, cookies=cookies
    )
