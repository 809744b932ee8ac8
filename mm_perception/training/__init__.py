"""Training of the small weights that this repository ships: one module per network."""

#: What can be trained: modules of this package that have a `RECIPE`.
NETS = ('bevformer', 'clip', 'dino', 'grounder', 'pose', 'sam2', 'speech')
