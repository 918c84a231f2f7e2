"""Cloud Foundry: apps and routes, and where their instances are.

`login` gets tokens of UAA, `controller` asks the Cloud Controller (its v3 API), `resources` are its answers, `registry`
is the plug-in. (PyPI's `cloudfoundry-client` is synchronous, wants just one version of protobuf, which is another than
the one here, and does not hear of limits.)
"""
