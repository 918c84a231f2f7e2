"""Requests within a mesh: which port of a Service they are for, as a client's proxy knows it."""

from daemun.base.names import Name
from daemun.explain.request import Request
from daemun.explain.result import Outcome
from daemun.ir.listener import Frontend, FrontendKey
from daemun.translate import Translation

_DOMAIN = ("svc", "cluster", "local")


def comes_in(key: FrontendKey, frontend: Frontend, request: Request, gateway: Name | None) -> bool:
    """Whether a request may come in at a port. Those of a mesh take its clients' requests alone, each for its Service:
    who asks about them says whose proxy it is.
    """
    if not key.apart:
        return not frontend.captures
    return gateway is not None and request.port == key.port and _is_for(key, frontend, request.address, gateway)


def passing(translation: Translation, request: Request, gateway: Name | None) -> Outcome | None:
    """What becomes of the request of a mesh's client that is for no Service with routes; None of any other request."""
    proxies = (key.proxy for key, frontend in translation.frontends.items() if frontend.captures)
    if gateway is None or str(gateway) not in proxies:
        return None
    where = f"{request.address}, port {request.port}"
    why = f"no route is for {where}, in the mesh of {gateway.namespace}: it goes on to where it was going, unread"
    return Outcome("passed", why)


def _is_for(key: FrontendKey, frontend: Frontend, address: str, gateway: Name) -> bool:
    """Whether an address is one of the Service, or a name by which a pod of the mesh's namespace knows it."""
    name, namespace = key.section.split(".")
    short = 1 if namespace == gateway.namespace else 2
    parts = (name, namespace, *_DOMAIN)
    names = {".".join(parts[:count]) for count in range(short, len(parts) + 1)} - {".".join(parts[:4])}
    return address in frontend.addresses or address.lower().removesuffix(".") in names
