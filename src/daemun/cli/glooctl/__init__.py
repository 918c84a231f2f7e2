"""`glooctl`: the commands of Gloo's documents, with their flags and answers like theirs, on top of Daemun's own.

Gloo's command is another program's; this one is for the scripts and the fingers that know it. docs/cli/glooctl.md lists
what there is, and what there is not and why.
"""
