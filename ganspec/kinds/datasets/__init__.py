"""Data sets of images: one kind, one file, whose `load_images` goes into emitted files."""
