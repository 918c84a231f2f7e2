"""The resources Daemun reads, typed: names and rules exactly as their API defines them."""
