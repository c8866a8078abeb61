"""Write a run's networks in forms that need no ganspec, and compare them with `ganspec sample`.

`export.py` does all of this. `network.py` has the trained network, and the inputs for the
comparison. `comparison.py` compares, and runs `outside.py` in another process. `formats.py` writes
the formats that are one file, `folder.py` the folder of Python files, `card.py` its model card, and
`hub.py` pushes the folder. The text of `generate.py`, `sampling.py` and `apply.py` goes into the
folder.
"""
