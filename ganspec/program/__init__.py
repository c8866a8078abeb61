"""The program that a network is lowered to; its shapes, costs and receptive fields."""
