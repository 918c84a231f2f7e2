"""What became of every object: its conditions, and its problems for people. Made of what Envoy is told (law 4)."""
