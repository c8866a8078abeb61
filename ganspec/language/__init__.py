"""The spec language: reading, diagnostics, expressions and the models of what may be written."""
