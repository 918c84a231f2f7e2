"""The engine without files and network: what a change costs, and who waits for it."""
