"""What the command line writes: objects made from a few words, changes of objects that are there, and the chart.

Objects are documents, as an API server or a file has them: what is not touched stays as whoever wrote it has it.
"""
