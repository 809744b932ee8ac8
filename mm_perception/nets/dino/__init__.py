"""Dense features of DINOv2 in the space of CLIP's texts."""
