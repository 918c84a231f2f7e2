"""AuthConfigs: what Gloo's policies of authentication come to, for Daemun's server or for Envoy itself."""
