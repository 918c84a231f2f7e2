"""HashiCorp Vault as a place for Secrets."""
