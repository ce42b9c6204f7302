"""The command ``scatterkit``: thin commands over the package's objects.

Nothing heavy is imported before a command has been understood.
"""

from scatterkit.cli._main import main

__all__ = ["main"]
