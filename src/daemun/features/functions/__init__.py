"""Functions that requests call. They are worked in their Upstream's cluster; a route says which one, and how."""
