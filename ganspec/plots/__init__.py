"""Plots of losses, scores and confusion matrices."""
