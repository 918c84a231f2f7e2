"""How transformations name the span of a request's trace: by dynamic metadata, which the tracer asks at the end.

Once Envoy has a format for names it heeds no decorator of a route any more, so that says its name in the same way: in
the metadata of its route.
"""

NAMESPACE, KEY = "daemun.span", "name"
_SAID, _OF_ROUTE = (f"{held}.filter_metadata" for held in ("metadata", "xds.route_metadata"))
OPERATION = f"%CEL('{NAMESPACE}' in {_SAID} ? {_SAID}['{NAMESPACE}']['{KEY}'] : {_OF_ROUTE}['{NAMESPACE}']['{KEY}'])%"
"""The name for the tracer. Where nobody says one it is nothing, and the span has the name that Envoy gives it."""
