"""Output of comparisons, networks and runs as tables, pages and pictures."""
