"""The commands, one file each. They import slow modules in functions, as `--help` needs no torch.

A file defines a function with the name of the command (`import_` for `import`, a keyword of Python)
and `EXAMPLE`, which ends its help.
"""

ORDER = (  # in `ganspec --help`
    *("new", "check", "schema", "lsp", "show", "build", "data", "train", "sample", "serve"),
    *("evaluate", "export", "diff", "compare", "report", "import_"),
)
