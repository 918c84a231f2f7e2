"""`daemun up` for a folder: from a changed file to the first 200, start-up, memory."""
