"""Training into runs: the trainer, and the loop around its steps."""
