"""A stand-in for a Cloud Foundry: a Cloud Controller (v3) and its UAA, over real HTTP.

A real one is some twenty virtual machines. What this one does is taken from the documentation of the v3 API and of UAA:
lists in pages, filters, what is included, stats of processes, limits of requests, and tokens that end.
"""

import base64
import itertools
import time
from typing import Any

from aiohttp import web

from support.servers.sites import WebServer

CLIENT, SECRET, USER, PASSWORD = "daemun", "of-the-client", "reader", "of-the-reader"


class CloudFoundry(WebServer):
    """An organization `org` with a space `dev` (more by `space`), and the domains `apps.test` and `apps.internal`.

    `left`: how many requests it takes before it wants to be left alone for `quiet` seconds; None: any number. A
    `per_page` is the most that a page has. `hidden`: addresses are not shown, as to an auditor.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.grants: list[dict[str, str]] = []
        self.left: int | None = None
        self.quiet = 1.0
        self.by_reset = False
        self.per_page = 100
        self.lifetime = 600
        self.hidden = False
        self.shown = True
        self._numbers = itertools.count(1)
        self._tokens: dict[str, str] = {}
        self._lists: dict[str, list[dict[str, Any]]] = {}
        self._stats: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.forget()

    def application(self) -> web.Application:
        """What answers."""
        app = web.Application()
        app.router.add_get("/", self._root)
        app.router.add_post("/uaa/oauth/token", self._token)
        app.router.add_get("/v3/{kind}", self._list)
        app.router.add_get("/v3/apps/{guid}/processes/{type}/stats", self._process)
        return app

    def forget(self) -> None:
        """Begin anew, without apps, and with no token that is good."""
        self._tokens, self._stats = {}, {}
        self._lists = {
            "organizations": [{"guid": "org-guid", "name": "org"}],
            "spaces": [self._of_space("dev")],
            "domains": [
                {"guid": "outside", "name": "apps.test", "internal": False},
                {"guid": "inside", "name": "apps.internal", "internal": True},
            ],
            "apps": [],
            "routes": [],
        }

    def remember(self) -> str:
        """A refresh token that somebody has got by a login of their own."""
        found = f"refresh-{next(self._numbers)}"
        self._tokens[""] = found
        return found

    def expire(self) -> None:
        """No token is good any more."""
        self._tokens = {}

    def app(self, name: str, *ports: int, process: str = "web", space: str = "dev", **each: Any) -> str:
        """An app has these instances, by the ports of their cell, and no others; its GUID."""
        here = f"{space}-guid"
        there = [one["guid"] for one in self._lists["apps"] if (one["name"], _space(one)) == (name, here)]
        guid = there[0] if there else f"{name}-{next(self._numbers)}"
        if not there:
            relation = {"space": {"data": {"guid": here}}}
            self._lists["apps"].append({"guid": guid, "name": name, "relationships": relation, "metadata": {}})
        self._stats[guid, process] = [
            {"type": process, "index": index, "state": "RUNNING", "routable": True, **_addresses(port), **each}
            for index, port in enumerate(ports)
        ]
        return guid

    def label(self, name: str, **labels: str) -> None:
        """An app has these labels."""
        for one in self._lists["apps"]:
            if one["name"] == name:
                one["metadata"] = {"labels": labels}

    def space(self, name: str) -> None:
        """One more space."""
        self._lists["spaces"].append(self._of_space(name))

    def rename(self, name: str, other: str) -> None:
        """An app has another name."""
        for one in self._lists["apps"]:
            if one["name"] == name:
                one["name"] = other

    def remove(self, name: str) -> None:
        """An app is gone."""
        self._lists["apps"] = [one for one in self._lists["apps"] if one["name"] != name]

    def route(self, host: str, domain: str, *destinations: dict[str, Any], path: str = "", space: str = "dev") -> None:
        """A route leads there (each an app's GUID, maybe with a process, port and weight)."""
        self._lists["routes"].append(
            {
                "guid": f"route-{next(self._numbers)}",
                "host": host,
                "path": path,
                "domain": domain,
                "space": f"{space}-guid",
                "destinations": list(destinations),
            }
        )

    @staticmethod
    def _of_space(name: str) -> dict[str, Any]:
        return {
            "guid": f"{name}-guid",
            "name": name,
            "organization": "org-guid",
            "relationships": {"organization": {"data": {"guid": "org-guid"}}},
        }

    async def _root(self, _: web.Request) -> web.Response:
        return web.json_response({"links": {"uaa": {"href": f"{self.address}/uaa"}}})

    async def _token(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.grants.append(form)
        pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        good = {
            "client_credentials": pair == f"{CLIENT}:{SECRET}",
            "password": (pair, form.get("username"), form.get("password")) == ("cf:", USER, PASSWORD),
            "refresh_token": form.get("refresh_token") in self._tokens.values(),
        }
        if not good.get(form["grant_type"]):
            return web.json_response({"error": "unauthorized"}, status=401)
        number = next(self._numbers)
        found: dict[str, Any] = {"access_token": f"token-{number}", "expires_in": self.lifetime, "token_type": "bearer"}
        if form["grant_type"] != "client_credentials":
            found["refresh_token"] = f"refresh-{number}"
        self._tokens[found["access_token"]] = found.get("refresh_token", "")
        return web.json_response(found)

    def _refused(self, request: web.Request) -> web.Response | None:
        self.asked.append(request.path_qs)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                after = {"X-RateLimit-Reset": str(int(time.time() + self.quiet) + 1)}
                return web.Response(
                    status=429, headers=after if self.by_reset else {"Retry-After": str(int(self.quiet))}
                )
        if request.headers.get("Authorization", "").removeprefix("bearer ") not in self._tokens.keys() - {""}:
            return web.json_response({"errors": [{"title": "CF-InvalidAuthToken"}]}, status=401)
        return None

    async def _list(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        kind, query = request.match_info["kind"], request.query
        found = [one for one in self._lists[kind] if _fits(one, query)] if self.shown else []
        page, size = int(query.get("page", "1")), min(int(query.get("per_page", "50")), self.per_page)
        included = {}
        if "include" in query:
            included = {"spaces": self._lists["spaces"], "organizations": self._lists["organizations"]}
        total = max(1, -(-len(found) // size))
        return web.json_response(
            {
                "pagination": {"total_results": len(found), "total_pages": total},
                "resources": found[(page - 1) * size : page * size],
                "included": included,
            }
        )

    async def _process(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        found = self._stats.get((request.match_info["guid"], request.match_info["type"]))
        if found is None or all(one["guid"] != request.match_info["guid"] for one in self._lists["apps"]):
            return web.json_response({"errors": [{"title": "CF-ResourceNotFound"}]}, status=404)
        hide = {"host": None, "instance_ports": None, "instance_internal_ip": None} if self.hidden else {}
        return web.json_response({"resources": [{**one, **hide} for one in found]})


def _addresses(port: int) -> dict[str, Any]:
    """A cell's ports lead to those of the container; here the cell is this machine, and so is the container."""
    ports = [
        {"internal": 8080, "external": port, "external_tls_proxy_port": port + 1, "internal_tls_proxy_port": 61001}
    ]
    return {"host": "127.0.0.1", "instance_internal_ip": "127.0.0.2", "instance_ports": ports}


def _fits(one: dict[str, Any], query: Any) -> bool:
    fields = {
        "names": one.get("name"),
        "hosts": one.get("host"),
        "organization_guids": one.get("organization"),
        "domain_guids": one.get("domain"),
        "space_guids": one.get("space") or _space(one),
    }
    return all(value in query[name].split(",") for name, value in fields.items() if name in query)


def _space(one: dict[str, Any]) -> str | None:
    found = one.get("relationships", {}).get("space")
    return str(found["data"]["guid"]) if found else None
