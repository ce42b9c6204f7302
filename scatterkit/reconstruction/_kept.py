"""A trained network: its weights, what they are made for, and how it is kept in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.resources import as_file
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from scatterkit._serialization import to_plain_result
from scatterkit._validation import Choice, Instance, check_value, fail, shown
from scatterkit.base import Component
from scatterkit.experiment import check_detector
from scatterkit.reconstruction._files import read_model, write_model
from scatterkit.reconstruction._pretrained import pretrained_file
from scatterkit.reconstruction.decoders.base import Decoder
from scatterkit.reconstruction.decoders.halfspaces import PlaneDecoder, SupportDecoder
from scatterkit.reconstruction.decoders.names import make_decoder
from scatterkit.reconstruction.encoders import Encoder, make_encoder
from scatterkit.reconstruction.refinement import Refiner
from scatterkit.simulation import MSFTSimulator

Patterns = NDArray[np.float32]


class KeptNetwork(Component):
    """A network with its weights; subclasses predict with it and train it."""

    simulator: MSFTSimulator | None
    encoder: str | Encoder
    decoder: str | Decoder
    grid: int
    refine: bool | Refiner
    weights_: NDArray[np.float32]
    others_: list[NDArray[Any]]
    history_: list[dict[str, float]]
    n_steps_: int

    @property
    def model_(self) -> Any:
        """The Keras model, from (pattern, mask) to the decoder's numbers, with the mean weights.

        Returns
        -------
        keras.Model
            The model; computes in float32.
        """
        return self._network()[0]

    def save(self, path: str | os.PathLike[str], dtype: str = "float16") -> Path:
        """Write parameters, weights and log to one file, that `load` reads.

        Parameters
        ----------
        path : str or Path
            The file; replaced if it is there.
        dtype : {"float16", "float32"}, default="float16"
            How weights are stored: half the size, or as they are.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SerializationError
            If a parameter is of a kind that cannot be stored, such as a random number generator.
        """
        owner = type(self).__name__
        check_value(path, Instance((str, os.PathLike)), name="path", owner=owner)
        check_value(dtype, Choice(("float16", "float32")), name="dtype", owner=owner)
        check_is_fitted(self, "weights_")
        with np.errstate(over="ignore"):
            weights = self.weights_.astype(dtype)
        # folders of the training mean nothing elsewhere
        settings = clone(self).set_params(checkpoint=None, tensorboard=None)
        meta = {
            "history": self.history_,
            "n_steps": self.n_steps_,
            "calibration": getattr(self, "calibration_", None),
        }
        write_model(Path(path), settings, weights, self.others_, meta)
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        PhysicsReconstructor
            The fitted estimator. Its training begins anew in `fit`, but goes on from these weights in `partial_fit`,
            and where the stored ``warm_start`` is True.

        Raises
        ------
        ValueError
            If the file is damaged or holds something else.
        """
        check_value(path, Instance((str, os.PathLike)), name="path", owner=cls.__name__)
        estimator, weights, others, meta = read_model(Path(path), cls)
        estimator._set_fitted(weights, others, meta["history"], int(meta["n_steps"]), None)
        estimator._set_calibration(meta["calibration"])
        return estimator

    @classmethod
    def from_pretrained(cls, name: str = "silver-13.5nm", **params: Any) -> Self:
        """Give a network that was trained before and comes with the package.

        Nothing is fetched. The model cards are on the documentation's page on trained networks.

        Parameters
        ----------
        name : str, default="silver-13.5nm"
            One of `pretrained_names`: "silver-13.5nm" is for the published experiment, silver at a wavelength of 13.5
            nm.
        **params
            Parameters of the estimator that are to be others, such as ``refine=True``, which needs no training. Not
            the network's own, ``encoder`` and ``decoder``.

        Returns
        -------
        PhysicsReconstructor
            The fitted estimator, as `load` gives it, with the settings of its training: those of "silver-13.5nm" are
            ``warm_start=True``, ``validation=512`` and ``verbose=True`` among others. With another experiment or grid
            it is not calibrated.

        Raises
        ------
        InvalidParameterError
            If there is no such network, or it does not fit the parameters.
        ValueError
            If there is no such parameter.
        """
        with as_file(pretrained_file(name, owner=cls.__name__)) as path:
            estimator = cls.load(path)
        changed = {key.partition("__")[0] for key in params}
        for fixed in sorted(changed & {"encoder", "decoder"}):
            raise fail(fixed, cls.__name__, "left out: the weights are those of another", shown(params))
        n_pixels = estimator._n_pixels()
        estimator.set_params(**params)._check_parameters()
        if estimator._n_pixels() != n_pixels:
            allowed = f"one with a detector of {n_pixels} x {n_pixels} pixels, which the weights are for"
            raise fail("simulator", cls.__name__, allowed, f"{estimator._n_pixels()} pixels a side")
        if (
            hasattr(estimator, "calibration_")
            and estimator.calibration_["made_for"] != estimator._experiment()
        ):
            del estimator.calibration_
        return estimator

    def _experiment(self) -> dict[str, Any]:
        """Give what a calibration holds for."""
        return {"simulator": to_plain_result(self._simulator()), "grid": int(self.grid)}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_built"}

    def _set_fitted(
        self,
        weights: NDArray[np.float32],
        others: list[NDArray[Any]],
        history: list[dict[str, float]],
        n_steps: int,
        state: dict[str, Any] | None,
    ) -> None:
        self.weights_, self.others_ = weights, others
        self.history_, self.n_steps_, self.state_ = history, n_steps, state
        self.n_features_in_ = self._n_pixels() ** 2
        self._made_for = self._kind()
        for name in ("_built", "calibration_"):  # which belong to the weights before
            self.__dict__.pop(name, None)

    def _set_calibration(self, calibration: dict[str, Any] | None) -> None:
        """Take over what a file says of the calibration."""
        if calibration is not None:
            self.calibration_ = calibration

    def _kind(self) -> dict[str, Any]:
        """Give what weights are made for, by the name of the parameter that says it."""
        decoder = make_decoder(self.decoder)
        return {
            "encoder": repr(make_encoder(self.encoder)),
            "decoder": repr(decoder),
            "grid": list(decoder.numbers_shape(int(self.grid))),
            "simulator": self._n_pixels(),
        }

    def _check_kind(self) -> None:
        """See that the weights are still those of the network that the parameters describe."""
        now = self._kind()
        for name, before in self._made_for.items():
            if now[name] != before:
                allowed = "that of the training, which the weights are for; fit anew for another"
                raise fail(name, type(self).__name__, allowed, shown(getattr(self, name)))

    def _network(self) -> tuple[Any, Callable[[Patterns, Patterns], NDArray[np.float32]]]:
        """Give the model and the function from arrays to numbers; made when first asked for."""
        check_is_fitted(self, "weights_")
        self._check_kind()
        if "_built" not in self.__dict__:
            from scatterkit.reconstruction.training._steps import Layout, forward

            model = self._new_network("float32", 0)
            Layout(model).write(self.weights_, self.others_)
            self._built = model, forward(model)
        return self._built

    def _new_network(self, precision: str, seed: int) -> Any:
        from scatterkit.reconstruction.networks import make_network
        from scatterkit.reconstruction.training._steps import building

        with building(precision, seed):
            return make_network(self.encoder, self.decoder, self._n_pixels(), int(self.grid))

    def _by_planes(self) -> bool:
        return isinstance(make_decoder(self.decoder), (PlaneDecoder, SupportDecoder))

    def _simulator(self) -> MSFTSimulator:
        return MSFTSimulator() if self.simulator is None else self.simulator

    def _n_pixels(self) -> int:
        return int(check_detector(self._simulator().detector, owner="MSFTSimulator").shape[0])
