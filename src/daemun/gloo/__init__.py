"""What Gloo's API means, brought into the same intermediate representation as Gateway API."""
