"""xDS over gRPC: streams, who they belong to, back-pressure. What is said in them is decided in `daemun.xds`."""
