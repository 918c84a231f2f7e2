"""What every process does with its files, its event loop, its memory and its end."""
