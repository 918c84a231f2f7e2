"""A gRPC server for unary calls that many ask for and that take little: HTTP/2 on asyncio, without a task per call.

grpcio's own server takes longer to hand over a call than it takes to decide about a request; docs/limits/server.md has
the figures. This one knows no more of HTTP/2 (RFC 9113) than gRPC's unary calls need, and no other use is meant.
"""
