"""The metrics of `daemun serve`: every number that somebody who operates it may want, and where it lies.

docs/operating.md lists them for people; a test holds the two together.
"""

import platform
from collections.abc import Callable, Iterator, Mapping

from daemun import __version__
from daemun.api.kinds import called
from daemun.plane.plane import ControlPlane
from daemun.replica.lease import AlwaysLeading, LeaderElection
from daemun.replica.metrics import Figure
from daemun.report.kube.writer import StatusWriter
from daemun.sources.kube.reflector import Watched
from daemun.sources.kube.source import KubeSource
from daemun.sources.secrets.poller import Poller
from daemun.sources.secrets.watcher import SecretWatcher


def figures(
    plane: ControlPlane,
    source: KubeSource,
    secrets: SecretWatcher,
    writer: StatusWriter,
    election: LeaderElection | AlwaysLeading,
    alone: Callable[[], bool],
    unwritten: Callable[[], int],
) -> Iterator[Figure]:
    """All metrics of a cluster's control plane."""
    yield Figure(
        "daemun_build_info",
        "Which Daemun this is.",
        lambda: {(__version__, platform.python_version()): 1},
        ("version", "python"),
    )
    yield Figure("daemun_leader", "Whether this replica leads.", lambda: election.leading)
    yield Figure(
        "daemun_serving_last_good",
        "Whether what is served is what an API server said that does not answer.",
        alone,
    )
    yield Figure("daemun_last_good_pending", "Objects that are not yet kept for such a start.", unwritten)
    yield from _translation(plane)
    yield from _xds(plane)
    yield from _statuses(writer)
    yield from _watches(source)
    yield from _places(secrets)


def _translation(plane: ControlPlane) -> Iterator[Figure]:
    graph, sources = plane.translation.graph, plane.translation.sources
    yield Figure(
        "daemun_objects",
        "Objects that were read.",
        lambda: {(called(*key),): len(source) for key, source in sources.items()},
        ("kind",),
    )
    yield Figure(
        "daemun_objects_with_problems", "Objects of which something is wrong.", lambda: len(plane.translation.problems)
    )
    yield Figure("daemun_batches_total", "Batches of changes that were taken in.", lambda: plane.batches)
    yield Figure("daemun_batch_seconds_total", "Seconds that translating them took.", lambda: plane.seconds)
    yield Figure("daemun_rule_runs_total", "Rules of the translation that ran.", lambda: graph.calls)
    yield Figure("daemun_defects", "Rules that fail: defects of Daemun, in its log.", lambda: len(graph.failures))


def _xds(plane: ControlPlane) -> Iterator[Figure]:
    counts = plane.xds.counts
    yield Figure("daemun_proxies", "Gateways that need a proxy.", lambda: len(plane.wanted()))
    yield Figure(
        "daemun_proxies_synced",
        "Those whose proxies have all acknowledged all.",
        lambda: sum(map(plane.xds.synced, plane.wanted())),
    )
    yield Figure("daemun_xds_streams", "Streams of proxies that are open.", lambda: counts.opened - counts.closed)
    yield Figure("daemun_xds_streams_total", "Streams of proxies so far.", lambda: counts.opened)
    yield Figure("daemun_xds_refused_total", "Streams that were refused.", lambda: counts.refused)
    yield Figure("daemun_xds_stuck_total", "Streams that were ended: no answers.", lambda: counts.stuck)
    yield Figure("daemun_xds_acks_total", "Responses that proxies took.", lambda: _by(counts.acks), ("type",))
    yield Figure("daemun_xds_nacks_total", "Responses that proxies rejected.", lambda: _by(counts.nacks), ("type",))
    yield Figure(
        "daemun_xds_drift_total",
        "Resources that proxies did not have as they should; they are sent again.",
        lambda: {(kind, why): count for (kind, why), count in plane.drift.items()},
        ("type", "why"),
    )
    yield Figure(
        "daemun_xds_rejections",
        "Pieces of configuration that proxies reject now.",
        lambda: len(plane.translation.rejections),
    )


def _statuses(writer: StatusWriter) -> Iterator[Figure]:
    counts = writer.counts
    yield Figure("daemun_status_writes_total", "Statuses that were written.", lambda: _by(counts.writes), ("kind",))
    yield Figure("daemun_status_skipped_total", "Statuses that were as they should be.", lambda: counts.skipped)
    yield Figure("daemun_status_conflicts_total", "Writes that somebody else forestalled.", lambda: counts.conflicts)
    yield Figure("daemun_status_errors_total", "Writes that failed.", lambda: _by(counts.errors), ("reason",))
    yield Figure("daemun_status_pending", "Objects whose status may have to be written.", lambda: writer.pending)


def _watches(source: KubeSource) -> Iterator[Figure]:
    def each(read: Callable[[Watched], float]) -> Callable[[], Mapping[tuple[str, ...], float]]:
        return lambda: {(one.kind, one.namespace): read(one) for one in source.watched}

    labels = ("kind", "namespace")
    yield Figure("daemun_watch_synced", "Whether the kind was listed.", each(lambda one: one.synced), labels)
    yield Figure("daemun_watch_events_total", "Changes that the watch brought.", each(lambda one: one.events), labels)
    yield Figure("daemun_watch_lists_total", "Times the kind was listed.", each(lambda one: one.lists), labels)
    yield Figure("daemun_watch_breaks_total", "Times the watch broke off.", each(lambda one: one.breaks), labels)
    yield Figure(
        "daemun_watch_heard_seconds", "When the API server was heard last.", each(lambda one: one.heard), labels
    )


def _places(secrets: SecretWatcher) -> Iterator[Figure]:
    def each(read: Callable[[Poller], float]) -> Callable[[], Mapping[tuple[str, ...], float]]:
        return lambda: {(where,): read(one) for where, one in secrets.pollers.items()}

    labels = ("place",)
    good = each(lambda one: one.failure is None and one.heard > 0)
    yield Figure("daemun_secrets_place_up", "Whether a place for Secrets gives what it is asked for.", good, labels)
    yield Figure(
        "daemun_secrets_held", "Secrets of a place that are wanted and there.", each(lambda one: len(one.held)), labels
    )
    yield Figure(
        "daemun_secrets_errors_total", "Questions that a place failed to answer.", each(lambda one: one.errors), labels
    )
    yield Figure("daemun_secrets_heard_seconds", "When a place was heard last.", each(lambda one: one.heard), labels)


def _by(counts: Mapping[str, int]) -> Mapping[tuple[str, ...], float]:
    """Counts by the value of one label."""
    return {(label,): count for label, count in counts.items()}
