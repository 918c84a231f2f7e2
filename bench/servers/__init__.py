"""What a decision of the servers for authorization and rate limits costs."""
