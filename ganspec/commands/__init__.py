"""The commands, one file each.

A file defines a function with the name of the command (`import_` for `import`, a keyword of Python)
and `EXAMPLE`, the last line of the command's help. Slow modules are imported inside functions, so
that `ganspec --help` starts without torch.
"""

ORDER = (  # of the commands in `ganspec --help`
    *("new", "check", "schema", "lsp", "show", "build", "data", "train", "sample", "serve"),
    *("evaluate", "export", "diff", "compare", "report", "import_"),
)
