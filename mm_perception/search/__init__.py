"""Find moments again: what cameras have shown, as vectors with their origin, and how to ask."""
