"""The commands, a file each. Heavy imports stand inside them: `--help` needs no torch.

A file holds a function called as the command is (`import_` for `import`, which Python keeps for
itself) and `EXAMPLE`, which ends its help.
"""

ORDER = (
    "new",
    "check",
    "show",
    "build",
    "data",
    "train",
    "sample",
    "evaluate",
    "diff",
    "compare",
    "report",
    "import_",
)  # as `ganspec --help` has them
