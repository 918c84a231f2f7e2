"""What AWS is asked by the control plane: signed questions, and the roles that ask."""
