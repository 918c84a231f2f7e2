"""The Secret Watcher's other places: Vault and directories, as Settings name them.

Settings -> SecretWatcher -> Poller per place -> Vault, Directory
what rules read -> SecretWatcher -> only that is asked for; the first place that has a Secret counts
"""
