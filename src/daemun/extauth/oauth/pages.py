"""What a browser is shown where there is no other answer. All of it is ours but for addresses, which are escaped."""

import base64
import hashlib
from html import escape

from daemun.extauth.answers import Headers, Respond

_SUBMIT = "document.forms[0].submit()"
_POLICY = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; script-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_SUBMIT.encode()).digest()).decode()
    + "'"
)
NOT_KEPT: Headers = (("cache-control", "no-store"), ("referrer-policy", "no-referrer"))
"""What holds a code or begins a login is nobody's to keep or to pass on."""
_HTML: Headers = (*NOT_KEPT, ("content-type", "text/html; charset=utf-8"), ("content-security-policy", _POLICY))
_RETRY_SECONDS = "5"


def page(
    status: int, title: str, text: str, link: str = "", label: str = "Try again", cookies: tuple[str, ...] = ()
) -> Respond:
    """A page, with one link or none, that sets cookies."""
    more = f'<p><a href="{escape(link)}">{label}</a></p>' if link else ""
    again: Headers = (("retry-after", _RETRY_SECONDS),) if status == 503 else ()
    return Respond(status, (*_HTML, *again, *set_cookies(cookies)), _page(title, f"<p>{text}</p>{more}"))


def moved(location: str, cookies: tuple[str, ...] = (), *, login: bool = False) -> Respond:
    """A redirect that sets cookies."""
    return Respond(302, (("location", location), *NOT_KEPT, *set_cookies(cookies)), login=login)


def onwards(location: str, cookies: tuple[str, ...]) -> Respond:
    """A page of ours that leads on: what a browser does next is asked by this site, not by the provider's."""
    refresh = f'<meta http-equiv="refresh" content="0;url={escape(location)}">'
    body = _page("Signed in", f'<p><a href="{escape(location)}">Go on</a></p>', refresh)
    return Respond(200, (*_HTML, *set_cookies(cookies)), body)


def posted(location: str, fields: dict[str, str], cookies: tuple[str, ...]) -> Respond:
    """A form that sends itself."""
    inputs = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    form = f'<form method="post" action="{escape(location)}">{inputs}<button>Sign out</button></form>'
    return Respond(200, (*_HTML, *set_cookies(cookies)), _page("Signing out", f"{form}<script>{_SUBMIT}</script>"))


def _page(title: str, body: str, head: str = "") -> str:
    return f'<!doctype html><html lang="en"><title>{title}</title>{head}<h1>{title}</h1>{body}</html>\n'


def set_cookies(cookies: tuple[str, ...]) -> Headers:
    """The headers that set them."""
    return tuple(("set-cookie", one) for one in cookies)
