"""Training: the step that is also emitted, and the loop around it."""
