"""What gRPC servers say that they have: asked by the control plane, never by proxies."""
