"""What all proxies of an installation have in common."""

import msgspec

from daemun.gatewayapi.settings import POD_FOLDER

READY_PORT = 19001
"""Where a proxy tells whether it is ready, and its statistics. No Gateway can have this port."""
AUDIENCE = "daemun-xds"
"""For whom a proxy's token is meant: it opens nothing but the xDS server."""
CONFIG_DIR = "/etc/daemun"
TOKEN_DIR = "/run/secrets/daemun"  # noqa: S105 - a directory
RUN_DIR = POD_FOLDER
ADMIN_SOCKET = f"{RUN_DIR}/admin.sock"
ENVOY = "/usr/local/bin/envoy"
"""Where the image has Envoy."""
USER = 65532


class ProxySettings(msgspec.Struct, frozen=True):
    """The image of the proxies, and where they find the xDS server. `xds_host` is the name in its certificate."""

    image: str
    xds_host: str
    xds_port: int = 9977
    xds_address: str = ""
    """The name at which they find it, if that is another one."""
    image_pull_policy: str = "IfNotPresent"
    service_type: str = "LoadBalancer"
    log_level: str = "info"
