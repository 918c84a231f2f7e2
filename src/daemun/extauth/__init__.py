"""`daemun extauth`: who may come in, said to Envoys that ask (envoy.service.auth.v3.Authorization).

A `Chain` (ir/auth) comes over xDS (feed.py), is made ready once (chain.py), and is asked for every request: its steps
are checkers (checker.py), one file for each kind below `checks/` and `oauth/`, found by `registry.py`.
"""
