"""What two or more specs have in common, and where they part."""
