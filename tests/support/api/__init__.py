"""API servers: one to be told to misbehave, one in memory, one between; and what was heard of them."""
