"""The composition roots: a file for each program, and what several of them have in common."""
