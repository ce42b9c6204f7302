"""Layers that several networks are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from scatterkit.simulation.kernels.tensor_backends import keras

Tensor = Any
layers = keras.layers


def convolution(
    x: Tensor,
    n: int,
    size: int,
    stride: int = 1,
    *,
    rank: int = 2,
    initializer: str = "he_normal",
    dtype: str | None = None,
) -> Tensor:
    """Convolve in two or three dimensions; whatever order of axes Keras is set to, channels come last."""
    kind = layers.Conv3D if rank == 3 else layers.Conv2D
    how = {"padding": "same", "data_format": "channels_last", "kernel_initializer": initializer}
    return kind(n, size, strides=stride, dtype=dtype, **how)(x)


def leaky_convolution(x: Tensor, n: int, dropout: float, rank: int = 2) -> Tensor:
    """3x3(x3) convolution, dropout, batch normalisation and leaky ReLU, in the published order."""
    x = layers.Dropout(dropout)(convolution(x, n, 3, rank=rank))
    return layers.LeakyReLU(0.3)(layers.BatchNormalization()(x))


def pooled(x: Tensor) -> Tensor:
    """Largest of 2x2 pixels."""
    return layers.MaxPooling2D(2, data_format="channels_last")(x)


def normalized(x: Tensor) -> Tensor:
    """Group normalisation in up to eight groups, then SiLU; a group of few values would lose what they say."""
    groups = next(g for g in (8, 4, 2, 1) if g == 1 or (x.shape[-1] % g == 0 and x.shape[-1] >= 4 * g))
    return layers.Activation("silu")(layers.GroupNormalization(groups)(x))


@keras.saving.register_keras_serializable(package="scatterkit")
class PatternChannels(keras.layers.Layer):
    """Channels of a pattern and its mask: the measured values, zero elsewhere; and, if ``places``, more.

    These are the mask, the distance from the zero frequency in units of half the pattern, and cosine and sine of the
    azimuth: convolutions alone do not know where on the detector they are.
    """

    def __init__(self, places: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.places = places

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """Stack the channels."""
        pattern, mask = (keras.ops.cast(part, self.compute_dtype) for part in inputs)
        # a product would keep what is not a number
        measured = keras.ops.where(mask > 0.5, pattern, keras.ops.zeros_like(pattern))
        if not self.places:
            return measured[..., None]
        rows, columns = (np.arange(n, dtype=np.float32) - n // 2 for n in pattern.shape[1:])
        radius = np.hypot(rows[:, None], columns)
        scale = np.maximum(radius, 1)
        places = [radius / (len(rows) / 2), columns / scale, rows[:, None] / scale]
        zeros = keras.ops.zeros_like(pattern)
        constants = [zeros + keras.ops.cast(keras.ops.convert_to_tensor(p), zeros.dtype) for p in places]
        return keras.ops.stack([measured, mask, *constants], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Give the shape of the channels."""
        return (*input_shape[0], 5 if self.places else 1)

    def get_config(self) -> dict[str, Any]:
        """Give what ``from_config`` needs."""
        return super().get_config() | {"places": self.places}
