"""Cloud Foundry: apps and routes, and where their instances are.

`login` gets tokens of UAA, `controller` asks the Cloud Controller (its v3 API), `registry` is the plug-in. (PyPI's
`cloudfoundry-client` is synchronous, and brings aiohttp, protobuf, websockets and a loggregator of its own for what are
six kinds of GET.)
"""
