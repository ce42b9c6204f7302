"""Decoders by their names."""

from __future__ import annotations

from collections.abc import Mapping

from scatterkit._validation import AnyOf, Choice, Instance, check_value
from scatterkit.reconstruction.decoders.base import Decoder
from scatterkit.reconstruction.decoders.depth import DepthDecoder
from scatterkit.reconstruction.decoders.halfspaces import PlaneDecoder, SupportDecoder
from scatterkit.reconstruction.decoders.voxels import VoxelDecoder

DECODERS: Mapping[str, type[Decoder]] = {
    "voxels": VoxelDecoder,
    "planes": PlaneDecoder,
    "support": SupportDecoder,
    "depth": DepthDecoder,
}


def make_decoder(decoder: str | Decoder) -> Decoder:
    """Give a decoder by its name, with its defaults; a decoder stays as it is.

    Parameters
    ----------
    decoder : {"voxels", "planes", "support", "depth"} or Decoder
        Which one.

    Returns
    -------
    Decoder
        The decoder.

    Examples
    --------
    >>> from scatterkit.reconstruction import make_decoder
    >>> make_decoder("planes")
    PlaneDecoder()
    """
    allowed = AnyOf((Choice(tuple(DECODERS)), Instance((Decoder,))))
    check_value(decoder, allowed, name="decoder", owner="make_decoder")
    return DECODERS[decoder]() if isinstance(decoder, str) else decoder
