"""Which functions servers and clouds say that they have: asked by the control plane, never by proxies."""
