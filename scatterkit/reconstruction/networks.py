"""Networks from patterns to a decoder's numbers."""

from __future__ import annotations

from typing import Any

from scatterkit._validation import AnyOf, Choice, Instance, Integer, check_value
from scatterkit.reconstruction.decoders.base import Decoder
from scatterkit.reconstruction.decoders.names import make_decoder
from scatterkit.reconstruction.encoders import ENCODERS, Encoder, make_encoder

_OWNER = "make_network"
_FEWEST = 32
"""Pixels that no encoder does with less of."""


def make_network(
    encoder: str | Encoder = "compact",
    decoder: str | Decoder = "planes",
    n_pixels: int = 128,
    grid: int = 64,
) -> Any:
    """Make a network that gives a decoder's numbers for patterns and their masks.

    Parameters
    ----------
    encoder : {"compact", "published"} or Encoder, default="compact"
        What makes features of patterns.
    decoder : {"planes", "support", "depth", "voxels"} or Decoder, default="planes"
        What makes numbers of features.
    n_pixels : int, default=128
        Pixels along both edges of a pattern: 32 at least, 64 for ``CompactEncoder(stride=8)``,
        128 for the published encoder.
    grid : int, default=64
        Voxels along each axis.

    Returns
    -------
    keras.Model
        Takes ``(pattern, mask)``, both (n, n_pixels, n_pixels), and gives numbers (n,) + numbers_shape, float32 under
        any policy. Weights are initialised; ``save_weights`` and ``load_weights`` keep them.

    See Also
    --------
    Decoder.body : Bodies from the numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import CompactEncoder, make_network
    >>> network = make_network(CompactEncoder(width=8, n_blocks=1, n_features=16), "support", n_pixels=64)
    >>> pattern = np.random.default_rng(0).random((2, 64, 64), dtype=np.float32)
    >>> tuple(network((pattern, np.ones_like(pattern))).shape)
    (2, 103)
    """
    from scatterkit.simulation.kernels.tensor_backends import keras

    check_value(encoder, AnyOf((Choice(tuple(ENCODERS)), Instance((Encoder,)))), name="encoder", owner=_OWNER)
    check_value(decoder, AnyOf((Instance((str, Decoder)),)), name="decoder", owner=_OWNER)
    check_value(n_pixels, Integer(_FEWEST), name="n_pixels", owner=_OWNER)
    check_value(grid, Integer(4), name="grid", owner=_OWNER)
    encoder = make_encoder(encoder)
    pattern, mask = (
        keras.Input((n_pixels, n_pixels), name=name, dtype="float32") for name in ("pattern", "mask")
    )
    numbers = make_decoder(decoder).head(encoder.features(pattern, mask), int(grid))
    return keras.Model((pattern, mask), numbers)
