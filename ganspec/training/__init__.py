"""Training of specs: the trainer, and the loop that writes run folders."""
