"""The Kubernetes source: follows an API server and hands over what changes, as the folder source does for files."""

from daemun.sources.kube.source import KubeSource

__all__ = ["KubeSource"]
