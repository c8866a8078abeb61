"""Kinds of data set. Emitted files contain `load_images` of the data set's file."""
