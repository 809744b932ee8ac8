"""What is meant among the things in view: by words, by a ray, and where it is in space."""
