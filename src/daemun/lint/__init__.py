"""Messages of `daemun check`: the numbers of all that can be wrong, and what is likely wrong though it is served."""
