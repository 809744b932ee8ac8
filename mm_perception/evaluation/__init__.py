"""How good a stack or a net is, measured against the truth of the synthetic world."""
