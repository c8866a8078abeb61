"""Write a run's networks in forms that need no ganspec, and compare them with `ganspec sample`.

`export.py` does all of this. `network.py` has the trained network, with inputs to compare by;
`comparison.py` compares, and runs `outside.py` in a process of its own. `formats.py` writes formats
of one file, `folder.py` the folder of Python, `card.py` its model card, and `hub.py` pushes the
folder. `generate.py` and `apply.py` are programs whose text goes into the folder.
"""
