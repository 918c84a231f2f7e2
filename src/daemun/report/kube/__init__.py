"""Statuses into a Kubernetes API server: what has to be written (merge), when (pace), and by whom (writer)."""
