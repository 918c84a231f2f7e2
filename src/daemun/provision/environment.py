"""The environment that local proxies get: Daemun's own, without what may be a secret in it.

A policy may send a variable of Envoy's environment anywhere (`%ENVIRONMENT(X)%`, templates, tags of traces).
"""

import re
from collections.abc import Mapping

_SECRET = re.compile(r"^(VAULT|AWS)_|TOKEN|SECRET|PASSW|CREDENTIAL|KEY", re.IGNORECASE)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a proxy may have."""
    return {name: value for name, value in environment.items() if not _SECRET.search(name)}
