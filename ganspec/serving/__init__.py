"""A page on this machine that shows new images of a run's generator."""
