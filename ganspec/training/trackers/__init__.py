"""Adapters to trackers of experiments, one file each, imported only if a training uses them.

A file `NAME.py` defines `start(run, settings, id, step)`, which returns a `Tracker` of
`ganspec.training.tracking`. `settings` are the spec's values by key path. `id` is the tracker's
name of the run: if it is None, a new run begins in the tracker; otherwise the run of that name goes
on after training step `step`.
"""
