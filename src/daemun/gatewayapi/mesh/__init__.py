"""Gateway API for meshes (GAMMA): routes with a Service as their parent, for the requests of pods to that Service."""
