"""The spec language: reading YAML, diagnostics, expressions, and base classes of sections."""
