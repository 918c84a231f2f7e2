"""Which of Gloo's fields and kinds are served, and why the others are not."""
