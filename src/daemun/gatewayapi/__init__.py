"""What Gateway API means: classes, attachment, hostnames, grants, conflicts and the conditions that tell of them."""
