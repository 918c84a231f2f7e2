"""Endpoint Discovery beside Kubernetes: registries that know where services are, a plug-in each.

Settings -> RegistryWatcher -> one Registry per kind that they configure
what rules read -> RegistryWatcher -> only that is looked up; the last good of each service stays
"""
