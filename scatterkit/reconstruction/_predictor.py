"""What a trained network gives: volumes, solids, patterns and a score; and how it is kept in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.resources import as_file
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from scatterkit._validation import Choice, Instance, check_value, fail, shown
from scatterkit.base import Component
from scatterkit.experiment import check_detector
from scatterkit.fitting._pattern_checks import measured_masks
from scatterkit.fitting._pattern_tasks import volumes_of
from scatterkit.fitting._planes import Floats
from scatterkit.reconstruction._answers import intensities_of, recorded, solids_of
from scatterkit.reconstruction._files import read_model, write_model
from scatterkit.reconstruction._pretrained import pretrained_file
from scatterkit.reconstruction.decoders.base import Decoder
from scatterkit.reconstruction.decoders.halfspaces import PlaneDecoder, SupportDecoder
from scatterkit.reconstruction.decoders.names import make_decoder
from scatterkit.reconstruction.encoders import Encoder
from scatterkit.reconstruction.refinement import Refined, Refiner
from scatterkit.reconstruction.training._supplies import log_patterns
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

AT_ONCE = 32
"""Patterns that a network sees at once."""
Patterns = NDArray[np.float32]
Masks = NDArray[np.bool_]


class NetworkPredictor(Component):
    """Predictions of a network whose weights are there; a subclass trains it."""

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

    def predict(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> NDArray[np.float32]:
        """Give the volume of the body behind each pattern.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1]. Pixels outside the mask may hold anything, NaN too.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        ndarray of float32 of shape (n, grid, grid, grid)
            Occupancies in [0, 1].

        Raises
        ------
        InvalidParameterError
            If a parameter, pattern or mask is not as described.
        """
        numbers, patterns, masks = self._numbers(X, mask)
        if not self.refine:
            return self._volumes(numbers)
        solids = [solid for solid, _, _ in self._refined(patterns, masks)]
        return volumes_of(solids, int(self.grid), self._simulator().box)

    def predict_solids(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> list[Solid | None]:
        """Give the body behind each pattern: of planes these, of other decoders where the volume is half full.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        list of Solid
            The bodies, in nm; None, with a warning, where there is nothing.
        """
        numbers, patterns, masks = self._numbers(X, mask)
        if self.refine:
            return [solid for solid, _, _ in self._refined(patterns, masks)]
        return self._solids(numbers)

    def predict_pattern(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> NDArray[np.float32]:
        """Give the pattern that each body would have left on the detector.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns)
            Log-scaled patterns on the scale of X, with fitted response, on all pixels; NaN where there is no body.
        """
        return self._recorded(X, mask)[0]

    def score(self, X: ArrayLike, y: Any = None, *, mask: ArrayLike | None = None) -> float:
        """Give the negative mean residual of the patterns, over their masks; larger is better.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        y : object, optional
            Ignored.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        float
            The negative mean of the mean squared difference between pattern and `predict_pattern`; NaN where no body
            was made of one of the patterns.
        """
        return -float(np.mean(self._recorded(X, mask)[1]))

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
            The fitted estimator; its training begins anew in `fit`, from these weights in `partial_fit` and with
            ``warm_start``.

        Raises
        ------
        ValueError
            If the file is damaged or holds something else.
        """
        check_value(path, Instance((str, os.PathLike)), name="path", owner=cls.__name__)
        estimator, weights, others, meta = read_model(Path(path), cls)
        estimator._set_fitted(weights, others, meta["history"], int(meta["n_steps"]), None)
        if meta["calibration"] is not None:
            estimator.calibration_ = meta["calibration"]
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
            The fitted estimator, as `load` gives it. With another ``simulator`` or ``grid`` it is not calibrated.

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
        if changed & {"simulator", "grid"}:
            estimator.__dict__.pop("calibration_", None)
        return estimator

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
        for name in ("_built", "calibration_"):  # which belong to the weights before
            self.__dict__.pop(name, None)

    def _network(self) -> tuple[Any, Callable[[Patterns, Patterns], NDArray[np.float32]]]:
        """Give the model and the function from arrays to numbers; made when first asked for."""
        check_is_fitted(self, "weights_")
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

    def _numbers(self, X: ArrayLike, mask: ArrayLike | None) -> tuple[NDArray[np.float32], Patterns, Masks]:
        """Give the network's numbers for patterns, with these and their masks, all checked."""
        owner = type(self).__name__
        self._check_parameters()
        check_is_fitted(self, "weights_")
        masks = measured_masks(X, mask, self._simulator(), owner=owner)
        patterns = log_patterns(X, masks, self._simulator(), owner=owner)
        _, forward = self._network()
        parts = [slice(i, i + AT_ONCE) for i in range(0, len(patterns), AT_ONCE)]
        numbers = [forward(patterns[part], masks[part].astype(np.float32)) for part in parts]
        return np.concatenate(numbers), patterns, masks

    def _volumes(self, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        decoder, box = make_decoder(self.decoder), self._simulator().box
        parts = [numbers[i : i + AT_ONCE] for i in range(0, len(numbers), AT_ONCE)]
        return np.concatenate([decoder.volumes(part, int(self.grid), box) for part in parts])

    def _solids(self, numbers: NDArray[np.float32]) -> list[Solid | None]:
        decoder, box = make_decoder(self.decoder), self._simulator().box
        if isinstance(decoder, (PlaneDecoder, SupportDecoder)):
            return solids_of(decoder.planes(numbers, box), None, box)
        return solids_of(None, self._volumes(numbers), box)

    def _recorded(self, X: ArrayLike, mask: ArrayLike | None) -> tuple[Patterns, NDArray[np.float64]]:
        """Give the pattern of each body as the detector would record it, and the residuals."""
        numbers, patterns, masks = self._numbers(X, mask)
        simulator = self._simulator()
        if self.refine:
            refined = self._refined(patterns, masks)
            intensities = intensities_of(simulator, [solid for solid, _, _ in refined], None)
            responses = [response for _, response, _ in refined]
            pictures = [i if r is None else r.apply(i) for i, r in zip(intensities, responses, strict=True)]
            return np.stack(pictures), np.array([residual for _, _, residual in refined])
        return self._unrefined(numbers, patterns, masks)

    def _unrefined(
        self, numbers: NDArray[np.float32], patterns: Patterns, masks: Masks
    ) -> tuple[Patterns, NDArray[np.float64]]:
        """Do so for the network's own bodies."""
        simulator = self._simulator()
        if self._by_planes() and simulator.propagation == "msft":
            intensities = intensities_of(simulator, self._solids(numbers), None)
        else:
            intensities = intensities_of(simulator, None, self._volumes(numbers))
        return recorded(patterns, intensities, masks)

    def _by_planes(self) -> bool:
        return isinstance(make_decoder(self.decoder), (PlaneDecoder, SupportDecoder))

    def _refined(self, patterns: Patterns, masks: Masks) -> list[Refined]:
        """Refine what the network proposes for patterns."""
        decoder, simulator = make_decoder(self.decoder), self._simulator()
        assert isinstance(decoder, (PlaneDecoder, SupportDecoder))  # checked with the parameters
        _, forward = self._network()

        def propose(views: Patterns, seen: Masks) -> list[tuple[Floats, Floats]]:
            numbers = forward(np.where(seen, views, np.float32(0)), seen.astype(np.float32))
            # without the sides of the cube, which fits have of their own
            return [
                (normals[:-6], offsets[:-6]) for normals, offsets in decoder.planes(numbers, simulator.box)
            ]

        refiner = self.refine if isinstance(self.refine, Refiner) else Refiner()
        return refiner.refine(patterns, propose, mask=masks, simulator=simulator)

    def _simulator(self) -> MSFTSimulator:
        return MSFTSimulator() if self.simulator is None else self.simulator

    def _n_pixels(self) -> int:
        return int(check_detector(self._simulator().detector, owner="MSFTSimulator").shape[0])
