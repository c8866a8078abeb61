"""Adapters to trackers of experiments, one file each, imported only if a training uses them.

A file `NAME.py` defines `start(run, settings, id, step)`, which returns a `Tracker` of
`ganspec.training.tracking`. `settings` are the spec's values by key path. With an `id`, the tracked
run of that id continues after `step`; with None, a new one begins.
"""
