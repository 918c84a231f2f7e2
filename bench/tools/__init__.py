"""What benchmarks share: manifests, clients, processes, and what they use."""
