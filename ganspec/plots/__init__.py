"""Plots of losses, scores and confusion."""
