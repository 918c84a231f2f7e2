"""Rate limits by a service: what Gloo's fields, RateLimitConfigs and Daemun's RateLimitPolicies come to."""
