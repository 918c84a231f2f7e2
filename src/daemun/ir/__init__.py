"""The intermediate representation: what the front ends (Gateway API, later Gloo) say and the Envoy layer reads.

It knows no API: a front end resolves its references, hostnames and defaults before it gets here.
"""
