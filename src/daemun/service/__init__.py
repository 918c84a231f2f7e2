"""What a service beside the proxies stands on: what it is told, what it shows, how it answers."""
