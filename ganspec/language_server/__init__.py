"""A language server: diagnostics, help and completion of specs in editors, by LSP."""
