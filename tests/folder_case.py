"""Test cases with a folder of their own."""

import tempfile
import unittest
from pathlib import Path


class FolderCase(unittest.TestCase):
    """`folder` is empty, and removed after the test."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)


class ResultFolderCase(FolderCase):
    """`out` in the folder is for results."""

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"
        self.out.mkdir()
