"""The webhooks: what an API server asks before it stores an object, and what it is told."""
