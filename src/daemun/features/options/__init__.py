"""The fields of Gloo's options, one file a field, or a few that are one thing. A feature's kind is its field's name."""
