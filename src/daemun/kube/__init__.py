"""The Kubernetes API as a client sees it: connections, credentials, errors, paths; not what is said over it."""
