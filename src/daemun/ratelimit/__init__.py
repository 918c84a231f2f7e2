"""`daemun ratelimit`: counts requests, and tells Envoys which are too many (rls v3). It is told by limits, over xDS.

Envoy -> Service -> Plans (which counts does this request concern?) -> a Store (Redis or memory) -> the answer
"""
