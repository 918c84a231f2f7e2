"""The Reporter: what became of every object, for the store it came from or for the person who wrote it."""
