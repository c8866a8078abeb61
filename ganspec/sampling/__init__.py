"""Draw images from a trained run, and write them as grids, folders, arrays or animations."""
