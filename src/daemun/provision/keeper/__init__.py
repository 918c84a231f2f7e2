"""The keeper: the small process that owns the Envoys of one state directory.

It outlives Daemun, so a crash or an upgrade of Daemun does not touch traffic, and it does not outlive it for long, so
nothing is orphaned. It uses the standard library only and runs without site-packages, to start fast and stay small.
"""
