"""Plots of losses, scores, confusion matrices and attention."""
