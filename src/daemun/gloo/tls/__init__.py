"""What Gloo says of TLS to clients and to Upstreams alike."""
