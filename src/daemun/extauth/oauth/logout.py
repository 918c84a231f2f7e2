"""Signing out: here, and at the provider (OpenID Connect RP-Initiated Logout)."""

import asyncio
import logging
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from daemun.extauth.answers import Respond
from daemun.extauth.oauth import pages
from daemun.extauth.oauth.client import Client
from daemun.extauth.oauth.sessions import Kept, Store
from daemun.extauth.oauth.shared import SharedError
from daemun.fetch import FetchError
from daemun.ir.auth.oauth import App

_log = logging.getLogger(__name__)


class Logout:
    """Answers at the path at which somebody signs out. `path` is empty if there is none."""

    def __init__(self, app: App, client: Client, *, by_post: bool) -> None:
        self._app = app
        self._client = client
        self._by_post = by_post
        self._tasks: set[asyncio.Task[None]] = set()
        self.path = urlsplit(app.url.rstrip("/")).path + "/" + app.logout.lstrip("/") if app.logout else ""

    async def answer(self, store: Store, cookies: Mapping[str, str]) -> Respond:
        """End the session, whatever of it can be ended, and send the browser on. Raises SharedError if it lives on."""
        kept = await self._found(store, cookies)
        gone = await store.drop(cookies)
        after = self._app.after_logout or self._app.url
        if kept is None:
            return pages.moved(after, gone)
        task = asyncio.get_running_loop().create_task(self._client.revoke(kept.session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            end_session = (await self._client.endpoints()).end_session
        except FetchError as error:
            _log.warning("Somebody signs out here alone: %s.", error)
            end_session = ""
        if not end_session:
            return pages.moved(after, gone)
        fields = {"client_id": self._app.client_id, "post_logout_redirect_uri": after}
        if kept.session.id_token:
            fields["id_token_hint"] = kept.session.id_token
        if self._by_post:
            return pages.posted(end_session, fields, gone)
        return pages.moved(end_session + ("&" if "?" in end_session else "?") + urlencode(fields), gone)

    async def close(self) -> None:
        """Let what is under way end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @staticmethod
    async def _found(store: Store, cookies: Mapping[str, str]) -> Kept | None:
        try:
            return await store.load(cookies)
        except SharedError:
            return None
