"""Requests on trial: whether they go where somebody expects them to, and what would change about them."""
