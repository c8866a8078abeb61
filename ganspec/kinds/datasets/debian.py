"""Download of Fashion-MNIST from Debian's package, without installing it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGE = "dataset-fashion-mnist"


def fetch_debian(into: Path) -> bool:
    """Download Debian's package and unpack its data files to `into`. Return False if that fails.

    This needs apt and dpkg, but no root rights, since nothing is installed. If apt does
    not find the package, its lists are downloaded to a temporary folder first.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return False
    with tempfile.TemporaryDirectory(prefix="ganspec-") as name:
        folder = Path(name)
        lists = ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
        (folder / "lists" / "partial").mkdir(parents=True)
        is_done = _run(["apt-get", "download", PACKAGE], folder) or (
            _run(["apt-get", *lists, "update"], folder)
            and _run(["apt-get", *lists, "download", PACKAGE], folder)
        )
        packages = list(folder.glob("*.deb"))
        if not is_done or not packages:
            return False
        if not _run(["dpkg-deb", "-x", str(packages[0]), str(folder / "tree")], folder):
            return False
        files = list((folder / "tree/usr/share/datasets/fashion-mnist").glob("*.gz"))
        into.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, into / file.name)
        return len(files) == 4


def _run(command: list[str], folder: Path) -> bool:
    """Run a command in `folder`. Return True if it succeeds within five minutes."""
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, timeout=300).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
