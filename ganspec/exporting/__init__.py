"""Export a network of a run in a form that needs no ganspec, and compare it with the run's.

The outputs of a generator, or of a VAE's decoder, are compared with those of `ganspec sample` where
they can be, and all others with those of the network itself. `export.py` calls the other files.
`network.py` has the trained network, and the inputs for the comparison. `comparison.py` compares,
and runs `outside.py` in another process. `formats.py` writes the formats that are one file,
`folder.py` the folder of Python files, `card.py` its model card, and `hub.py` pushes the folder.
The text of `generate.py`, `sampling.py` and `apply.py` goes into the folder.
"""
