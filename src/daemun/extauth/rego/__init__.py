"""Policies in Rego that come as text: a real Open Policy Agent beside the server evaluates them, one for each step.

It is a program of its own for three reasons: it can be ended when a policy takes too long or too much memory, it cannot
see what the server holds, and it is the language as it is meant. What its policies could reach the network or the
environment by is taken from them before they are loaded.
"""
