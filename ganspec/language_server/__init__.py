"""A language server: diagnostics, help and completion for specs in editors, by LSP."""
