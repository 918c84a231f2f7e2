"""Manifests for the commands that look and do not serve."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from daemun.cli.output import console, fail

if TYPE_CHECKING:
    from daemun.base.names import Name
    from daemun.gatewayapi.settings import Settings
    from daemun.report.journal import Place, ProblemLine
    from daemun.translate import Translation


class Loaded(msgspec.Struct):
    """Manifests, translated; every problem in them, sorted by place; and where each object and field stands."""

    translation: "Translation"
    problems: list["ProblemLine"]
    place: "Place"

    def gateway(self, written: str | None) -> "Name | None":
        """The Gateway that --gateway names, if it is given; an error if there is no such Gateway."""
        from daemun.base.names import Name

        if written is None:
            return None
        known = self.translation.gateways
        if Name.of(written) not in known:
            there = f"There are: {', '.join(map(str, sorted(known)))}." if known else "There is none."
            fail(f"there is no Gateway {written}", there, code=1)
        return Name.of(written)


class Surroundings(msgspec.Struct, frozen=True):
    """Where the manifests would be served: a cluster, what is in it already included, or else a machine.

    The context of a cluster may be empty: that which kubectl would use. Of Daemun's own servers, which are settings by
    name (`extauth`, `ratelimit`), some may be `absent`.
    """

    kube_context: str | None = None
    address: str = "127.0.0.1"
    real_ports: bool = False
    access_log: str = ""
    absent: tuple[str, ...] = ()

    def settings(self) -> "Settings":
        """The settings of the translation; everything counts as programmed, for nobody is asked."""
        from daemun.gatewayapi.settings import Settings, cluster
        from daemun.provision import authorities
        from daemun.sources import yamldoc
        from daemun.sources.registries.kinds import fault

        if self.kube_context is not None:
            found = cluster(yamldoc.value, assume_programmed=True)
        else:
            found = Settings(
                address=self.address,
                port_shift=0 if self.real_ports else 8000,
                system_authorities=authorities.find(),
                assume_programmed=True,
            )
        return msgspec.structs.replace(found, registry_fault=fault, **dict.fromkeys(self.absent, ""))


def load(paths: list[Path], surroundings: Surroundings) -> Loaded:
    """Read and translate what is below the paths, as it would be served there, without a proxy.

    In a cluster an object in a file stands in the place of the one of the same name: what would this change do?
    """
    from daemun.plane.keeping import Keeping
    from daemun.report.journal import Journal
    from daemun.sources.reader import Folder
    from daemun.translate import Translation

    check_paths(paths)
    if not paths and surroundings.kube_context is None:
        fail("there is nothing to read", "Name files or folders with manifests, or a cluster with --kube-context.")
    translation = Translation(surroundings.settings(), access_log=surroundings.access_log)
    with progress("reading"):
        folder = Folder([*paths, *_discovered(paths, surroundings)], None)
        batch = folder.load()
        outside = batch.problems
        if surroundings.kube_context is None:
            translation.apply(Keeping().take(batch.objects.items()), batch.unread)
        else:
            from daemun.cli import live_cluster

            outside += live_cluster.read(translation, surroundings.kube_context, batch)
    journal = Journal(translation, folder.place)
    journal.outside(outside)
    journal.lines()
    return Loaded(translation, journal.problems(), folder.place)


def _discovered(paths: list[Path], surroundings: Surroundings) -> list[Path]:
    """Where `daemun up` keeps what it has discovered for these paths, if it does."""
    from daemun.provision import state

    found = state.discovered(state.remembered(path.absolute() for path in paths))
    return [found] if surroundings.kube_context is None and found.is_dir() else []


def look(
    files: list[Path] | None, kube_context: str | None, address: str = "127.0.0.1", real_ports: bool = False
) -> Loaded:
    """What the commands look at that take `-f`: the files, the cluster with the files laid over it, or that alone."""
    context = "" if kube_context is None and not files else kube_context
    return load(files or [], Surroundings(context, address, real_ports))


def check_paths(paths: list[Path]) -> None:
    """A PATH that does not exist is most likely a typing mistake."""
    for path in paths:
        if not path.exists():
            fail(f"{path} does not exist", "Name a file or folder with manifests.")


def progress(what: str) -> "Progress":
    """A spinner on stderr for what takes longer than a moment; nothing when nobody watches."""
    return Progress(what)


class Progress:
    """Shows a spinner if the block takes longer than a second."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        import threading

        self._status = console(stderr=True).status(f"{self._what} ...")
        self._timer = threading.Timer(1.0, self._status.start)
        self._timer.daemon = True
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._status.stop()
