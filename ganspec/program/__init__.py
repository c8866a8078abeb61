"""The program that a network is lowered to, and what can be read off it."""
