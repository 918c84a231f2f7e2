"""Policies: each by itself, then what they put on listeners and on the rules of routes."""

from daemun.base.names import GLOO, GLOO_GATEWAY, GLOO_KUBE_GATEWAY, Ref
from daemun.features import BY_KIND
from daemun.flow import Collection, Graph, derive
from daemun.gatewayapi.resolved import Parent
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status.reports import Heard, Reports
from daemun.gloo import beside
from daemun.gloo.functions.descriptors import TRANSCODER, transcoder_meaning
from daemun.gloo.policies import attach, policy
from daemun.gloo.policies import status as options_status
from daemun.gloo.policies.header_secrets import headers_of
from daemun.gloo.settings.escapes import escapes_rule
from daemun.gloo.settings.escapes import meanings as meanings_of
from daemun.gloo.settings.listener_defaults import listener_defaults_rule
from daemun.gloo.settings.scope import Scopes
from daemun.gloo.upstreams import upstream
from daemun.translate.backends import Backends
from daemun.translate.written import Written


class Policies:
    """Gloo's options, `chosen` by their kinds, and the policies of the `servers` beside the proxies. `extend` says what
    they do to the rules of routes, `listener_uses` what is on listeners.

    `classic` is what judges the options within Gloo's classic objects; `of_all` is what Settings say of all listeners.
    """

    def __init__(
        self,
        graph: Graph,
        written: Written,
        parents: Collection[Ref, Parent],
        backends: Backends,
        scopes: Scopes,
        settings: Settings,
    ) -> None:
        granted, said_by_settings = written.granted, written.sources[GLOO, "Settings"]
        find, find_any = upstream.upstream_of(backends.doors, granted), upstream.any_upstream_of(backends.doors)
        of_servers = beside.Inputs(granted, find, find_any, backends.inputs, BY_KIND.get, settings)
        self.servers = beside.Beside(graph, written.sources, of_servers)
        escapes = derive(said_by_settings, escapes_rule, "escapes in transformations")
        judge = BY_KIND[TRANSCODER].faults
        meanings = {
            classic: {
                **self.servers.meanings[classic],
                **meanings_of(escapes),
                TRANSCODER: transcoder_meaning(written.config_maps, judge, None if classic else granted),
            }
            for classic in (False, True)
        }
        judged = policy.Inputs(BY_KIND.get, find, headers_of(written.secrets, granted), meanings[False])
        self.classic = policy.Inputs(BY_KIND.get, find_any, headers_of(written.secrets), meanings[True])
        self.chosen = {
            of.kind: derive(written.sources[GLOO_GATEWAY, of.kind], policy.policy_rule(of, judged), f"{of.kind}s")
            for of in policy.KINDS
        }
        by_target = {kind: one.index(policy.targets_of) for kind, one in self.chosen.items()}
        by_target |= self.servers.by_target
        self.of_all = derive(said_by_settings, listener_defaults_rule(self.classic), "what Settings say of listeners")
        self._on_listeners = derive(parents, attach.listener_rule(by_target, self.of_all), "policies of listeners")
        self.listener_uses = derive(self._on_listeners, attach.uses_of, "uses of listeners")
        self.extend = attach.extension(
            self.chosen, by_target, written.sources[GLOO_KUBE_GATEWAY, "DirectResponse"], scopes
        )

    def tell(self, heard: Heard) -> Reports:
        """Of Gloo's options."""
        about = options_status.Inputs(
            routes=heard.routes.index(options_status.options_of),
            listeners=self._on_listeners.index(attach.policies_of),
            parents=heard.parents,
            written=heard.written,
            rejections=heard.rejected,
            unread=heard.unread,
        )
        kinds = self.chosen.items()
        return Reports(
            tuple(derive(one, options_status.status_rule(about), f"{kind} status") for kind, one in kinds),
            tuple(derive(one, options_status.problem_rule(about), f"{kind} problems") for kind, one in kinds),
        )
