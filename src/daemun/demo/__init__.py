"""`daemun demo`: the lab's manifests, a local httpbin, and a request that proves they work together."""
