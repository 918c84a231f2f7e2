"""What Gateway API means. Its parts:

- `listeners/`: Gateways and ListenerSets: which of their listeners can serve, and why the others cannot
- `routes/`: what routes attach to, and where their rules send requests
- `tls/`: certificates, keys and authorities that they refer to, and the options of TLS
- `proxies/`: what every Gateway's proxies must be, and what they say back
- `status/`: what is told of every object, as conditions and as problems
- `mesh/`: routes whose parents are Services

Here are the words that these have in common (`resolved.py` is the one to read first), and `egresses.py`.
"""
