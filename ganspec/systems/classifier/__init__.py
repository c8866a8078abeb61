"""A classifier of images."""
