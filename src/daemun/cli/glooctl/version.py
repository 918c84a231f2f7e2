"""`glooctl version`: of this program, and of what runs in the cluster."""

from typing import Any

from daemun.cli.glooctl.common import Output, Where, common


@common
def version(where: Where) -> None:
    """Show the version of this program, and which images run in the namespace."""
    import asyncio

    from daemun import __version__
    from daemun.cli.glooctl.tables import framed
    from daemun.cli.output import console, dump_json, dump_yaml
    from daemun.kube.errors import KubeError
    from daemun.manage.store import Store
    from daemun.manage.workloads import deployments, images

    async def read() -> list[tuple[str, str]]:
        async with Store.opened(where.kube_context, where.kubeconfig) as store:
            return list(images(await deployments(store.client, where.system)))

    found: list[tuple[str, str]] = []
    try:
        found = asyncio.run(read())
    except KubeError as error:  # the version of this program is asked for where no cluster is, too
        console(stderr=True).print(f"Server: {error.text}")
    containers = [{"deployment": name, "image": image} for name, image in found]
    server: dict[str, Any] = {"namespace": where.system, "containers": containers}
    told = {"client": {"version": __version__}, "server": [server] if found else []}
    match where.output:
        case Output.yaml | Output.kube_yaml:
            print(dump_yaml([told]), end="")
        case Output.table | Output.wide:
            print(f"Client version: {__version__}")
            if found:
                print(framed(("Namespace", "Deployment", "Image"), [(where.system, *one) for one in found]))
        case _:
            print(dump_json(told))
