"""One replica of the control plane among others: who leads, what the others have, and how it is."""
