"""Whoever asks: clients of proxies, of the control plane, and of the servers beside them."""
