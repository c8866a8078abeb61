"""Import of existing networks: specs from PyTorch code or from printed Keras tables."""
