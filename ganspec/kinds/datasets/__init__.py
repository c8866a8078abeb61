"""Kinds of data set, and the code that reads their files."""
