"""Upstream Discovery: which Upstreams there should be, made of Services and of what registries have.

Services ------------------> claims --+
catalogues of registries --> claims --+-> orders, by the names of Upstreams -> whoever writes them
Upstreams as they are ----------------+
"""
