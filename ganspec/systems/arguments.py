"""The command line of an emitted program."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def parse_arguments(cfg):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    if cfg.path:
        parser.add_argument("--data", type=Path, default=Path(cfg.path), help="images")
    elif cfg.needs_folder:
        parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("out") / cfg.name)
    parser.add_argument("--epochs", type=int, default=cfg.epochs)
    parser.add_argument("--steps", type=int, help="training steps, instead of --epochs")
    parser.add_argument("--seed", type=int, default=cfg.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    return parser.parse_args()
