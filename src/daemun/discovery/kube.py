"""Upstreams in a cluster. What somebody else has written is never overwritten.

An Upstream is only created where there is none, only fields that are ours are changed, and only the very object that
was made is deleted.
"""

from daemun.base.names import GLOO, Name, Ref
from daemun.ir.discovery import Order
from daemun.kube.client import FIELD_MANAGER, KubeClient
from daemun.kube.errors import ApiError, KubeError
from daemun.kube.seen import Locate


class KubeUpstreams:
    """`locate` says where the API server has an object."""

    workers = 8

    def __init__(self, client: KubeClient, locate: Locate) -> None:
        self._client, self._locate = client, locate

    async def carry_out(self, name: Name, order: Order) -> None:
        """Do it. Whoever was faster is right: it is looked again when the watch has brought what they did.

        Raises KubeError if the API server refuses it, or knows no Upstreams.
        """
        path = self._locate(Ref(GLOO, "Upstream", *name))
        if path is None:
            raise KubeError("the cluster does not know the kind Upstream", "Install it: daemun crds --gloo")
        try:
            if order.make is not None:
                params = {"fieldManager": FIELD_MANAGER}
                await self._client.request("POST", path.rpartition("/")[0], params=params, body=order.make)
            elif order.change is not None:
                await self._client.merge(path, order.change)
            elif order.delete:
                body = {"preconditions": {"uid": order.delete}}
                await self._client.request("DELETE", path, body=body)
        except ApiError as error:
            made_already = order.make is not None and error.conflict
            gone_already = order.make is None and (error.missing or (order.delete and error.conflict))
            if not (made_already or gone_already):
                raise
