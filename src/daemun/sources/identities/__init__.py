"""Whom meshes take our proxies for: certificates that an authority of theirs issues, renewed before they end.

An issuer is one file. What it gives lies in memory alone, and goes to proxies by SDS.
"""
