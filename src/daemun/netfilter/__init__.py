"""Redirecting connections that begin on this host, or in this pod, by the kernel's nftables; without any program."""
