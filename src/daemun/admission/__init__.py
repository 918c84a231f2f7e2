"""The validation webhook: what an API server asks before it stores an object, and what it is told."""
