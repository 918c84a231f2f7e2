"""AWS EC2: machines by their tags."""
