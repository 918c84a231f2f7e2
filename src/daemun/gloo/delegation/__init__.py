"""Delegation between HTTPRoutes: a rule leaves its requests to the rules of other routes.

It is resolved upwards, each route by itself (`reach`): a change of one of a thousand that are delegated to costs what
that one does. A route is resolved once for each way by which it is reached, with the hosts of the root.
"""
