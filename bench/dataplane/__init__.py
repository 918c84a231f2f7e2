"""What a request costs Envoy."""
