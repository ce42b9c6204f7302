"""Trained networks that come with the package: what there is, and where."""

from __future__ import annotations

from importlib.resources.abc import Traversable

from scatterkit._places import WEIGHTS, weight_names, weights_folder
from scatterkit._validation import fail, shown


def pretrained_names() -> list[str]:
    """Give the names of the trained networks that come with the package.

    Returns
    -------
    list of str
        Names for `PhysicsReconstructor.from_pretrained`.

    Examples
    --------
    >>> from scatterkit.reconstruction import pretrained_names
    >>> all(isinstance(name, str) for name in pretrained_names())
    True
    """
    return weight_names(weights_folder())


def pretrained_file(name: str, *, owner: str) -> Traversable:
    """Give the file of a trained network, or say which ones there are."""
    names = pretrained_names()
    if not isinstance(name, str) or name not in names:
        there = " or ".join(map(repr, names)) if names else "a name of weights in the package, where none are"
        raise fail("name", owner, there, shown(name))
    return weights_folder() / (name + WEIGHTS)
