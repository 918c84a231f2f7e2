"""`daemun redirect`: has the connections that begin here go to a mesh's proxy."""

from typing import Annotated

import typer


def redirect(
    user: Annotated[
        str, typer.Option(help="Whose connections are left alone, by name or number: the proxy's own.", metavar="USER")
    ],
    port: Annotated[int, typer.Option(help="The proxy's port on the loopback.", min=1, max=65535)] = 15001,
    stop: Annotated[bool, typer.Option("--stop", help="Redirect nothing any more.")] = False,
) -> None:
    """Redirect the TCP connections that begin here to the proxy of a mesh, by the kernel's nftables.

    Here is the network namespace of this process: a pod, or a whole machine. Connections over IPv6, to the loopback,
    and those of USER go on as they did. It takes the capability NET_ADMIN. Nothing stays running.

    Examples:

      daemun redirect --user envoy

      daemun redirect --user 65532 --port 15001

      daemun redirect --user envoy --stop
    """
    from daemun.cli.output import fail
    from daemun.netfilter import redirection

    try:
        if stop:
            redirection.stop()
        else:
            redirection.redirect(port, _uid(user))
    except redirection.RedirectionError as error:
        fail(str(error), "It takes the capability NET_ADMIN, and a kernel with nftables.", code=1)


def _uid(user: str) -> int:
    import pwd

    from daemun.cli.output import fail

    if user.isdecimal():
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        fail(f"there is no user {user}", "Name one, or write a number.")
