"""What the surroundings decide: where listeners are bound, and what a proxy's state is before it has said anything."""

from collections.abc import Callable

import msgspec

from daemun.api.gateway import GatewaySpecAddress
from daemun.gatewayapi.findings import Finding
from daemun.ir.registries import Configured

PRIVILEGED = 1024
LOCAL, ALL = "127.0.0.1", "0.0.0.0"  # noqa: S104 - all addresses of a pod
"""Where listeners are bound on a machine, and in a pod, unless somebody says otherwise."""
POD_FOLDER = "/run/daemun"
"""Where a proxy in a pod has its sockets."""


class Settings(msgspec.Struct, frozen=True, gc=False):
    """How Gateways are placed.

    `address` is where listeners are bound that ask for no address. With `port_shift` ports below 1024 are bound that
    much higher, so that nobody needs to be root. `shared_host` says that all proxies run on one machine, where two of
    them cannot have the same port of the same address. `sole` says that nobody else answers for a Gateway that does not
    exist. `clustered` says that proxies are pods, each Gateway's behind a Service, which its addresses are those of.
    `reserved` are ports that the proxies need for themselves. `read_yaml` reads what parameters hold, and raises
    ValueError; without it there are no parameters. `assume_programmed` is for looking at manifests without a
    proxy: the status is then what it will be once the proxies have acknowledged. `system_authorities` is the file with
    the CA certificates of the system, where the proxies run; empty if there is none. `private` are folders with Unix
    sockets of the proxies' own. `allowed` are networks (CIDR) of the proxies' machine or link that an Upstream may be
    in all the same. `extauth` is where Daemun's server of authorization is, `unix:` and a path, or a host and port;
    empty if there is none. It has TLS where there is a file `extauth_authority`, at the proxies, with whom to trust.
    `ratelimit` and `ratelimit_authority` are the same of Daemun's rate limit service. `gcp_metadata` is where Google
    Cloud tells the machines of its own who they are, a host and port. `discovers` says that Upstreams are made of what
    is discovered, unless Gloo's Settings say otherwise.
    `registry_fault` says what is wrong with a registry's configuration by itself; without it whoever opens it does.
    `meshes` says whether namespaces in the mesh get their proxies; None is unknown.
    """

    address: str = LOCAL
    port_shift: int = 8000
    shared_host: bool = True
    sole: bool = True
    clustered: bool = False
    reserved: frozenset[int] = frozenset()
    read_yaml: Callable[[str], object] | None = None
    assume_programmed: bool = False
    extauth: str = "unix:extauth.sock"
    extauth_authority: str = ""
    ratelimit: str = "unix:ratelimit.sock"
    ratelimit_authority: str = ""
    gcp_metadata: str = "metadata.google.internal:80"
    system_authorities: str = "/etc/ssl/certs/ca-certificates.crt"
    private: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    discovers: bool = False
    meshes: bool | None = True
    registry_fault: Callable[[Configured], Finding | None] | None = None

    def bound_port(self, port: int) -> int:
        """The port that is bound for a listener's port."""
        return port + self.port_shift if port < PRIVILEGED else port

    @property
    def usual_address(self) -> str:
        """The address whose Envoy listeners have the names of their ports.

        It is not `address`, or a successor with another one could not take over a proxy: no listener can be updated to
        an address that its own old one has.
        """
        return ALL if self.clustered else LOCAL

    def bound_addresses(self, wanted: tuple[GatewaySpecAddress, ...]) -> tuple[str, ...]:
        """The addresses that are bound for what a Gateway asks for; one without a value is ours to choose.

        A pod does not have the address that clients know it by.
        """
        if self.clustered:
            return (self.address,)
        return tuple(dict.fromkeys(address.value or self.address for address in wanted)) or (self.address,)


def cluster(
    read_yaml: Callable[[str], object],
    reserved: frozenset[int] = frozenset(),
    *,
    assume_programmed: bool = False,
    allowed: tuple[str, ...] = (),
    extauth: tuple[str, str] = ("extauth:9983", ""),
    ratelimit: tuple[str, str] = ("ratelimit:9985", ""),
    discovers: bool = False,
    meshes: bool | None = None,
) -> Settings:
    """The settings where proxies are pods: every port is free and is bound as it is.

    `extauth` is where the server of authorization is, and the file with whom to trust for it; `ratelimit` the same of
    the rate limit service.
    """
    return Settings(
        address=ALL,
        port_shift=0,
        shared_host=False,
        sole=False,
        clustered=True,
        reserved=reserved,
        read_yaml=read_yaml,
        assume_programmed=assume_programmed,
        private=(POD_FOLDER,),
        allowed=allowed,
        extauth=extauth[0],
        extauth_authority=extauth[1],
        ratelimit=ratelimit[0],
        ratelimit_authority=ratelimit[1],
        discovers=discovers,
        meshes=meshes,
    )


ANY_ADDRESS = {ALL, "::"}


def overlap(one: tuple[str, ...], other: tuple[str, ...]) -> str | None:
    """An address that both would bind, if there is one."""
    if ANY_ADDRESS.intersection(one):
        return other[0]
    if ANY_ADDRESS.intersection(other):
        return one[0]
    return next((address for address in one if address in other), None)
