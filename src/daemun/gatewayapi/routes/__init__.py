"""Routes: the listeners that they attach to, the hosts they have there, and the backends of their rules."""
