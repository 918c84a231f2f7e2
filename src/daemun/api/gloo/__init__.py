"""Gloo Gateway 1.17's resources, typed: its JSON names exactly, and what protobuf's JSON may look like in YAML.

A field that is not set has protobuf's zero value, or None where Gloo tells "not set" from zero. Numbers, names of enums
and nesting are checked here as Gloo's CRDs and its parser check them, and no more: what a value means is decided where
it is used.
"""
