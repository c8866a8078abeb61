"""Image data sets: one kind, one file.

`load_images` of each file is moved into emitted programs.
"""
