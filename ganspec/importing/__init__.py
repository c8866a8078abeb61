"""Import of existing networks: specs from PyTorch code, or from tables of Keras or torch."""
