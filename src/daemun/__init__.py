"""Daemun: Gateway API resources, from a folder or a cluster, served by real Envoy proxies."""

__version__ = "0.1.0"
