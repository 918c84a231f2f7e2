"""What holds of every cluster, whatever kind of backend it is for, unless somebody says otherwise."""

BUFFER_BYTES = 32 * 1024
CONNECT_SECONDS = 5
BREAKER = 65_536
"""Envoy's default of 1,024 connections, pending and active requests turns a busy hour into 503s."""
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
"""The name of a cluster's options for HTTP."""
