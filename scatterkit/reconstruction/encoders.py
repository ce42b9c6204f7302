"""Encoders: what a network makes of a pattern before a decoder makes a body of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from scatterkit._validation import Choice, Constraint, Integer, Real, fail, shown
from scatterkit.base import Component

Tensor = Any
_PUBLISHED_PIXELS = 128
_STAGES = (1, 2, 4, 6)
"""Channels of the compact encoder's stages, in units of its width."""
_FEWEST = {4: 32, 8: 64}
"""Pixels that the compact encoder shrinks to one, by the stride of its stem."""
_STEM_CHANNELS = 16


class Encoder(Component, ABC):
    """What every encoder gives a network: features of a pattern and its mask.

    See Also
    --------
    make_network : Puts an encoder and a decoder together.
    """

    @abstractmethod
    def features(self, pattern: Tensor, mask: Tensor) -> Tensor:
        """Add the layers that turn patterns into features.

        Parameters
        ----------
        pattern : Keras tensor of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        mask : Keras tensor of shape (n, rows, columns)
            One where a pixel was measured, else zero.

        Returns
        -------
        Keras tensor of shape (n, f)
            Features.
        """


class PublishedEncoder(Encoder):
    """The encoder of the published network, of any width.

    Parameters
    ----------
    width : int, default=64
        Channels of the first convolution; the last ones have 32 times as many. Published: 64.
    dropout : float [1], default=0.2
        Part of the values that training leaves out after each convolution of the residual blocks.

    See Also
    --------
    VoxelDecoder : The other half of the published network.
    CompactEncoder : Fewer weights, better conditioned.

    Notes
    -----
    With ``VoxelDecoder(width=64)`` this is the published network, 128x128 pixels to 64^3 voxels, with its 195,838,017
    weights (the paper says 200 million).

    *From the authors' published code:* a 7x7 convolution of stride 2, leaky ReLU, batch normalisation, 2x2 max
    pooling; five residual blocks of 2, 4, 8, 16 and 32 times width channels, each of two 3x3 convolutions with dropout
    0.2, batch normalisation and leaky ReLU, beside a 1x1 convolution that is added after the last ReLU, then 2x2 max
    pooling; a dense layer of 32 width with leaky ReLU; the decoder; He's normal initialisation of all convolutions but
    the last; Adam with Keras' default rate; batches of 8 on one GPU, 32 on four. *From the paper:* the number of
    weights, the sizes of pattern and volume, the two losses and the factor 0.1 between them, 50 epochs.

    *Not said there, and chosen here:* pixels that were not measured are zero, and the mask is no input. The slope 0.3
    of the leaky ReLU, Glorot's uniform initialisation of the dense and last layers, and epsilon 1e-3 and momentum 0.99
    of the batch normalisation were Keras' defaults then, and are written down nowhere.

    References
    ----------
    T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021), arXiv:2101.09136; code: scatter-2D3D-nn (MIT).

    Examples
    --------
    >>> from scatterkit.reconstruction import PublishedEncoder, VoxelDecoder, make_network
    >>> network = make_network(PublishedEncoder(width=2), VoxelDecoder(width=2))
    >>> network.count_params()
    193359
    """

    _constraints: ClassVar[dict[str, Constraint]] = {"width": Integer(1), "dropout": Real(0, 0.95)}

    def __init__(self, width: int = 64, dropout: float = 0.2) -> None:
        self.width = width
        self.dropout = dropout

    def features(self, pattern: Tensor, mask: Tensor) -> Tensor:
        from scatterkit.reconstruction._layers import (
            PatternChannels,
            convolution,
            layers,
            leaky_convolution,
            pooled,
        )

        self._check_parameters()
        if min(pattern.shape[1:]) < _PUBLISHED_PIXELS:
            allowed = f"at least {_PUBLISHED_PIXELS} a side, which {self!r} halves to one"
            raise fail("n_pixels", "make_network", allowed, shown(min(pattern.shape[1:])))
        x = PatternChannels(places=False)((pattern, mask))
        x = layers.LeakyReLU(0.3)(convolution(x, self.width, 7, 2))
        x = pooled(layers.BatchNormalization()(x))
        for i in range(1, 6):
            n = self.width * 2**i
            beside = convolution(x, n, 1)
            for _ in range(2):
                x = leaky_convolution(x, n, self.dropout)
            x = pooled(layers.Add()([beside, x]))
        return layers.Flatten(data_format="channels_last")(x)


class CompactEncoder(Encoder):
    """A small residual network that sees the mask and where on the detector a pixel lies.

    Parameters
    ----------
    width : int, default=56
        Channels of the first of four stages; the others have 2, 4 and 6 times as many. A multiple of 8 is best. With 64
        pixels and 32 channels a network for planes has 2.2 million weights, with 128 pixels and 56 channels 7.0, with
        64 channels 9.0 million.
    n_blocks : int, default=2
        Residual blocks of each stage.
    n_features : int, default=512
        Length of the feature vector.
    stride : {4, 8}, default=4
        How much the stem shrinks the map before the first stage: 8 is for CPUs. See Notes.

    See Also
    --------
    PublishedEncoder : Nearly thirty times as many weights as by default, ninety times those of a width of 32.

    Notes
    -----
    Channels: the pattern, zero where it was not measured; the mask; the distance from the zero frequency; cosine and
    sine of the azimuth. A stem, four stages of residual blocks (group normalisation and SiLU before each 3x3
    convolution), each but the first halving the map, a 1x1 convolution to two times width channels, and a dense layer.
    The stem is a 7x7 convolution of stride 4. With ``stride=8`` it is a 4x4 convolution of stride 4 to 16 channels,
    SiLU, and a 3x3 convolution of stride 2. Group normalisation behaves in training as in use, and does not depend on
    the batch; there is no dropout.

    References
    ----------
    Residual blocks with activation first: K. He et al., ECCV 2016, arXiv:1603.05027. Group normalisation: Y. Wu and
    K. He, ECCV 2018, arXiv:1803.08494. Coordinates as channels: R. Liu et al., NeurIPS 2018, arXiv:1807.03247.

    Examples
    --------
    >>> from scatterkit.reconstruction import CompactEncoder, PlaneDecoder, make_network
    >>> network = make_network(CompactEncoder(width=8, n_blocks=1), PlaneDecoder(), n_pixels=64)
    >>> network.output_shape
    (None, 195)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "width": Integer(1),
        "n_blocks": Integer(1),
        "n_features": Integer(1),
        "stride": Choice((4, 8)),
    }

    def __init__(self, width: int = 56, n_blocks: int = 2, n_features: int = 512, stride: int = 4) -> None:
        self.width = width
        self.n_blocks = n_blocks
        self.n_features = n_features
        self.stride = stride

    def features(self, pattern: Tensor, mask: Tensor) -> Tensor:
        from scatterkit.reconstruction._layers import PatternChannels, convolution, layers, normalized

        self._check_parameters()
        fewest, pixels = _FEWEST[int(self.stride)], min(pattern.shape[1:])
        if pixels < fewest:
            allowed = f"at least {fewest} a side, which {self!r} shrinks to one"
            raise fail("n_pixels", "make_network", allowed, shown(pixels))
        x = PatternChannels()((pattern, mask))
        if self.stride == 8:
            x = convolution(layers.Activation("silu")(convolution(x, _STEM_CHANNELS, 4, 4)), self.width, 3, 2)
        else:
            x = convolution(x, self.width, 7, 4)
        for stage, factor in enumerate(_STAGES):
            for block in range(self.n_blocks):
                x = _residual(x, factor * self.width, 2 if stage > 0 and block == 0 else 1)
        x = normalized(convolution(normalized(x), 2 * self.width, 1))
        x = layers.Dense(self.n_features)(layers.Flatten(data_format="channels_last")(x))
        return layers.Activation("silu")(x)


def _residual(x: Tensor, n: int, stride: int) -> Tensor:
    from scatterkit.reconstruction._layers import convolution, layers, normalized

    before = normalized(x)
    beside = x if stride == 1 and x.shape[-1] == n else convolution(before, n, 1, stride)
    inner = normalized(convolution(before, n, 3, stride))
    return layers.Add()([beside, convolution(inner, n, 3)])


ENCODERS: dict[str, type[Encoder]] = {"compact": CompactEncoder, "published": PublishedEncoder}
"""Encoders by the names that `make_network` knows."""


def make_encoder(encoder: str | Encoder) -> Encoder:
    """Give an encoder by its name; an encoder stays as it is."""
    return ENCODERS[encoder]() if isinstance(encoder, str) else encoder
