"""What Secrets say: Gloo's formats, read in one place from whatever source a Secret came.

A Secret is an ordinary one of Kubernetes by the time it comes here. `own` makes it one where it is written in Gloo's
own words, in Vault, in a directory or below an annotation; `formats` says which of Gloo's kinds it is, by the first
that matches; `kinds` are what is read.
"""

from daemun.gloo.secrets.formats import demand, ending, expect, kept, read
from daemun.gloo.secrets.kinds import (
    ApiKey,
    Aws,
    Azure,
    Credentials,
    EncryptionKey,
    GlooSecret,
    Headers,
    OAuth,
    Tls,
)

__all__ = [
    "ApiKey",
    "Aws",
    "Azure",
    "Credentials",
    "EncryptionKey",
    "GlooSecret",
    "Headers",
    "OAuth",
    "Tls",
    "demand",
    "ending",
    "expect",
    "kept",
    "read",
]
