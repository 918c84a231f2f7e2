"""The proxies of Gateways: what they must be, where they are reached, and what they say back."""
