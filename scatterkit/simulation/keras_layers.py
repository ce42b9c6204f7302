"""The simulator as a Keras layer, for losses and networks that contain the scattering itself."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.base import clone

from scatterkit._serialization import from_json, to_json
from scatterkit._validation import Choice, check_value, fail, shown
from scatterkit.simulation.kernels.tensor_backends import forbid_tensorfloat, keras
from scatterkit.simulation.kernels.tensor_transform import scatter
from scatterkit.simulation.simulator import MSFTSimulator

_OUTPUTS = Choice(("intensity", "field"))
_PRECISIONS = Choice(("float32", None))


@keras.saving.register_keras_serializable(package="scatterkit")
class MSFTLayer(keras.layers.Layer):
    """Diffraction patterns of volumes as a differentiable layer, on TensorFlow, JAX or PyTorch.

    The layer computes what its simulator does, in single precision and real arithmetic, from the same plan, and has
    no weights. It ignores a global policy of mixed precision: intensities span more orders of magnitude
    than half precision has.

    Parameters
    ----------
    simulator : MSFTSimulator, optional
        What to simulate; by default ``MSFTSimulator()``, the published configuration. Its ``backend`` must be
        "auto" or "keras", its ``n_threads`` None. The layer keeps a copy.
    output : {"intensity", "field"}, default="intensity"
        The intensity, or the pair of the field's real and imaginary part.
    precision : {"float32"} or None, default="float32"
        "float32": no reduced-precision products. On GPUs TensorFlow would use TensorFloat-32, and so would
        PyTorch if told to: there a setting of the whole process is changed, with a warning. None: as the
        backend is set.
    **kwargs : object
        Passed on to ``keras.layers.Layer``: ``name``, for example.

    See Also
    --------
    scatterkit.simulation.MSFTSimulator : The same for arrays.

    Notes
    -----
    Input of shape (batch, z, y, x), output of shape (batch, rows, columns). The plan is made when the layer
    is built, for one size of grid.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.simulation import MSFTLayer, MSFTSimulator
    >>> from scatterkit.experiment import QGrid
    >>> layer = MSFTLayer(MSFTSimulator(detector=QGrid(32, dq=0.02)))
    >>> volumes = np.zeros((2, 8, 8, 8), dtype=np.float32)
    >>> volumes[:, 2:6, 2:6, 2:6] = 1
    >>> tuple(layer(volumes).shape)
    (2, 32, 32)
    """

    def __init__(
        self,
        simulator: MSFTSimulator | None = None,
        output: str = "intensity",
        precision: str | None = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32"} | {k: v for k, v in kwargs.items() if v is not None})
        owner = type(self).__name__
        check_value(output, _OUTPUTS, name="output", owner=owner)
        check_value(precision, _PRECISIONS, name="precision", owner=owner)
        if self.compute_dtype != "float32":
            raise fail("dtype", owner, "'float32'", shown(self.compute_dtype))
        self.simulator = _checked(simulator, owner)
        self.output_kind = output
        self.precision = precision

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Make the plan.

        Parameters
        ----------
        input_shape : tuple of int or None
            (batch, z, y, x), the last three known.
        """
        self._plan = self.simulator.plan(_grid(input_shape))
        self.input_spec = keras.layers.InputSpec(shape=(None, *input_shape[1:]))
        if self.precision == "float32" and forbid_tensorfloat():
            warnings.warn(
                "TensorFloat-32 products are switched off in the whole process; precision=None keeps them",
                stacklevel=2,
            )

    def call(self, volumes: Any) -> Any:
        """Simulate.

        Parameters
        ----------
        volumes : tensor of shape (batch, z, y, x)
            Occupancies.

        Returns
        -------
        tensor of shape (batch, rows, columns), or two of them
            Intensities, or the real and imaginary part of the field.
        """
        real, imag = scatter(volumes, self._plan, exact=self.precision == "float32")
        return (real, imag) if self.output_kind == "field" else real * real + imag * imag

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> Any:
        """Give the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int or None
            (batch, z, y, x).

        Returns
        -------
        tuple, or two of them
            (batch, rows, columns).
        """
        shape = (input_shape[0], *self.simulator.plan(_grid(input_shape)).detector_shape)
        return (shape, shape) if self.output_kind == "field" else shape

    def get_config(self) -> dict[str, Any]:
        """Give what ``from_config`` needs, in types that JSON has.

        Returns
        -------
        dict
            The parameters.
        """
        own = {"simulator": to_json(self.simulator), "output": self.output_kind, "precision": self.precision}
        return super().get_config() | own

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MSFTLayer:
        """Make a layer from what ``get_config`` gave.

        Parameters
        ----------
        config : dict
            The parameters.

        Returns
        -------
        MSFTLayer
            The layer.
        """
        return super().from_config(config | {"simulator": from_json(config["simulator"])})


def _grid(input_shape: tuple[Any, ...]) -> tuple[int, int, int]:
    if len(input_shape) != 4 or None in input_shape[1:]:
        allowed = "volumes (batch, z, y, x) of a known grid"
        raise fail("input_shape", "MSFTLayer", allowed, shown(tuple(input_shape)))
    _, n_z, n_y, n_x = input_shape
    return n_z, n_y, n_x


def _checked(simulator: MSFTSimulator | None, owner: str) -> MSFTSimulator:
    if simulator is None:
        return MSFTSimulator()
    if not isinstance(simulator, MSFTSimulator):
        raise fail("simulator", owner, "an instance of MSFTSimulator or None", shown(simulator))
    if simulator.backend not in ("auto", "keras") or simulator.n_threads is not None:
        allowed = "a simulator with backend 'auto' or 'keras' and n_threads None"
        raise fail("simulator", owner, allowed, f"{simulator.backend!r} and {simulator.n_threads!r}")
    simulator._check_parameters()
    return clone(simulator)
