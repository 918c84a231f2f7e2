"""What is served by Daemun while tests ask: worlds, Gateways as in a cluster, and what may go wrong with them."""
