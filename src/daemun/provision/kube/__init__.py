"""Proxies in a Kubernetes cluster: for each Gateway a Deployment, its Service and what they need."""
