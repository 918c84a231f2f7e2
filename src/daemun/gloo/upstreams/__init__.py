"""Upstreams, and what else a route can name as one: annotated Services, services of registries."""
