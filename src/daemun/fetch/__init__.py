"""What Daemun asks others for by URL, by one guarded client: keys, discovery documents, tokens."""

from daemun.base.guard import Guard
from daemun.fetch.budget import Budget, CrowdedError, Share
from daemun.fetch.client import Answer, Fetcher, FetchError
from daemun.fetch.documents import Document
from daemun.fetch.names import lookup

__all__ = ["Answer", "Budget", "CrowdedError", "Document", "FetchError", "Fetcher", "Guard", "Share", "lookup"]
