"""Write a run's networks in forms that need no ganspec, and compare them with `ganspec sample`.

`export.py` writes and compares, `network.py` has the trained network and inputs to compare by.
Formats of one file are in `formats.py`, the folder of Python is in `folder.py`, its model card in
`card.py`. `outside.py` runs in a process of its own. `generate.py` and `apply.py` are programs
whose text goes into the folder.
"""
