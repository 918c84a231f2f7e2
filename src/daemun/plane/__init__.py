"""The middle of `daemun up` and `daemun serve`: translation and xDS server joined."""
