"""What TLS needs of objects: certificates with their keys, authorities, and options."""
