"""Training of the small weights that this repository ships: one module per network."""
