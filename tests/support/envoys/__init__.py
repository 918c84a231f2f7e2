"""Real Envoys without a control plane, or before servers of Daemun's own."""
