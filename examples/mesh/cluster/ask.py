"""Asks as an application does, which knows nothing of a mesh: the status, and which version answered."""

import sys
import urllib.error
import urllib.request

asked = urllib.request.Request(sys.argv[1], headers={"x-canary": "yes"})  # noqa: S310 - of who runs it
try:
    answer = urllib.request.urlopen(asked)  # noqa: S310 - a URL of http, from who runs it
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.headers["x-version"])
