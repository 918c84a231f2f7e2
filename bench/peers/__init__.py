"""The gateways that are measured, side by side in one cluster: each is a file that says how it is put there."""

from bench.peers import daemun, envoy_gateway

ALL = {peer.name: peer for peer in (daemun.PEER, envoy_gateway.PEER)}
