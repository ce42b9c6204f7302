"""Comparison: what several methods made of the same patterns, judged alike."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._random import RandomState, seed_of
from scatterkit._serialization import from_json
from scatterkit._validation import Choice, Instance, Integer, Real, check_value, fail, shown
from scatterkit.comparison._judging import Body
from scatterkit.comparison._layout import FORMAT, METRICS, with_texts
from scatterkit.comparison._page import page_of
from scatterkit.comparison._records import bodies_from_file, bodies_to_file
from scatterkit.comparison._statistics import paired
from scatterkit.comparison._tables import rows_of, text_of
from scatterkit.datasets._errors import bad_file
from scatterkit.datasets.files._writing import replacing, replacing_folder, target_path

if TYPE_CHECKING:
    import xarray as xr

    from scatterkit.simulation import MSFTSimulator

DATA, BODIES = "dataset.zarr", "bodies.npz"
TRUTHS = "true"


class Comparison:
    """What several methods made of the same patterns, judged alike; `compare` gives it.

    Parameters
    ----------
    dataset : xarray.Dataset
        All figures, see Attributes.
    bodies : mapping of str to sequence of Solid, ndarray or None
        The body of each sample, by method: a volume (z, y, x) where the method makes no solid, None where it found
        nothing.
    truths : sequence of Solid, ndarray or None, optional
        The true body of each sample, None where it is not known.

    Attributes
    ----------
    dataset : xarray.Dataset
        Along ``method`` and ``sample``: ``residual``, ``seconds``, ``n_simulations``, with true bodies
        ``scatter_loss``, ``front_iou``, ``volume_iou`` and ``footprint_iou``; ``failure``, a text that says why there
        is no body, or empty. NaN where a method has no such figure. ``pattern`` and ``mask`` (sample, row, column),
        ``predicted`` (method, sample, row, column), on the scale of the pattern, and
        ``best_residual`` (method, sample, elapsed), the best residual after so many seconds. Attributes of metrics
        hold ``units`` and whether ``better`` is "lower" or "higher".
    bodies : dict of str to list of Solid, ndarray or None
        The body of each sample, by method.
    truths : list of Solid, ndarray or None
        The true body of each sample.

    See Also
    --------
    compare : Makes one.

    Notes
    -----
    ``dataset.sel`` has a parameter ``method`` of its own: choose a method by ``dataset.sel({"method": "fit"})``.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from scatterkit.comparison import Comparison
    >>> losses = np.array([[3.0, 2.0, 4.0], [1.0, 1.5, 5.0]])
    >>> data = xr.Dataset(
    ...     {"residual": (("method", "sample"), losses, {"better": "lower"})},
    ...     {"method": ["network", "fit"], "sample": ["a", "b", "c"]},
    ... )
    >>> comparison = Comparison(data, {"network": [None] * 3, "fit": [None] * 3})
    >>> comparison.best_method("residual")
    'fit'
    >>> comparison.differences("residual").share_won.values.round(2).tolist()
    [0.0, 0.67]
    """

    def __init__(
        self,
        dataset: xr.Dataset,
        bodies: Mapping[str, Sequence[Body]],
        truths: Sequence[Body] | None = None,
    ) -> None:
        self.dataset = _checked(dataset)
        self.bodies = {name: list(bodies.get(name, ())) for name in self.methods}
        n = dataset.sizes["sample"]
        if set(bodies) != set(self.methods) or any(len(found) != n for found in self.bodies.values()):
            allowed = f"{n} bodies for each of the methods {self.methods}"
            raise fail(
                "bodies", "Comparison", allowed, str({name: len(found) for name, found in bodies.items()})
            )
        self.truths: list[Body] = [None] * n if truths is None else list(truths)
        if len(self.truths) != n:
            raise fail("truths", "Comparison", f"{n} bodies, one for each sample", f"{len(self.truths)}")

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in the order in which they were given."""
        return [str(name) for name in self.dataset["method"].values]

    @property
    def samples(self) -> list[str]:
        """Names of the samples."""
        return [str(name) for name in self.dataset["sample"].values]

    @property
    def metrics(self) -> list[str]:
        """Names of the figures that there are for each method and sample."""
        return [name for name in METRICS if name in self.dataset]

    @property
    def simulator(self) -> MSFTSimulator | None:
        """The experiment that all bodies were judged by; None where the data set does not say it."""
        text = self.dataset.attrs.get("simulator")
        found: MSFTSimulator | None = None if text is None else from_json(text)
        return found

    def best_method(self, metric: str = "residual") -> str:
        """Give the method with the best median of a figure, over the samples that all methods have it for.

        Methods that have it for no sample are out of it.

        Parameters
        ----------
        metric : str, default="residual"
            One of `metrics`.

        Returns
        -------
        str
            The method's name; the first one where several are as good. Where no sample was solved by all that solved
            any, the one that solved most.
        """
        values, better = self._values(metric)
        known = np.isfinite(values)
        solved = known.sum(axis=1)
        shared = values[:, known[solved > 0].all(axis=0)]
        if not solved.any() or not shared.size:
            return self.methods[int(np.argmax(solved))]
        losses = np.median(shared if better == "lower" else -shared, axis=1)
        return self.methods[int(np.argmin(np.where(solved > 0, losses, np.inf)))]

    def differences(
        self,
        metric: str = "residual",
        reference: str | None = None,
        *,
        confidence: float = 0.95,
        n_resamples: int = 9999,
        random_state: RandomState = 0,
    ) -> xr.Dataset:
        """Compare all methods with one of them, sample by sample.

        Parameters
        ----------
        metric : str, default="residual"
            One of `metrics`.
        reference : str, optional
            The method that the others are compared with; the first by default.
        confidence : float [1], default=0.95
            Probability that the interval is to have.
        n_resamples : int, default=9999
            Resamples of the bootstrap.
        random_state : int, numpy.random.Generator or None, default=0
            Draws the resamples, the same for every method.

        Returns
        -------
        xarray.Dataset
            Along ``method``: ``method_median`` and ``reference_median`` over the pairs, ``median_difference`` (method
            minus reference), ``low`` and ``high``, the ends of its bootstrap interval, ``share_won`` and
            ``share_tied``, parts of the samples on which the method is better than the reference or the same,
            ``n_pairs``, and ``n_left_out``, samples that one of both has no figure for.

        Raises
        ------
        InvalidParameterError
            If there is no such figure or method.

        Notes
        -----
        The interval is the percentile bootstrap's for the median of the paired differences: samples are drawn with
        replacement, both methods' figures of a sample together [1]_. It tells what another set of samples of the same
        kind would have given, not what another seed of a method would. Samples left out are failures: a method
        that fails on hard samples looks better than it is, so look at ``n_left_out`` first. With fewer than about
        ten pairs an interval covers less than it says; with five or fewer it tells nothing, since even a method that
        wins on all five does so by chance once in 16 times.

        References
        ----------
        .. [1] B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (Chapman & Hall, 1993), chapter 13.
        """
        import xarray as xr

        owner = "differences"
        values, better = self._values(metric)
        first = self.methods[0] if reference is None else reference
        check_value(first, Choice(tuple(self.methods)), name="reference", owner=owner)
        check_value(confidence, Real(0.01, 0.9999), name="confidence", owner=owner)
        check_value(n_resamples, Integer(100), name="n_resamples", owner=owner)
        seed = seed_of(random_state, owner=owner)
        to = values[self.methods.index(first)]
        settings: dict[str, Any] = {
            "confidence": float(confidence),
            "n_resamples": int(n_resamples),
            "seed": seed,
        }
        found = [paired(row, to, better, **settings) for row in values]
        units = self.dataset[metric].attrs.get("units", "1")
        variables = {
            name: ("method", np.array([one[name] for one in found]), {"units": unit})
            for name, unit in _units_of(found[0], units).items()
        }
        attrs = {"metric": metric, "reference": first, "better": better, "interval": "percentile bootstrap"}
        return xr.Dataset(variables, {"method": self.dataset["method"].values}, {**attrs, **settings})

    def table(self) -> str:
        """Give medians and quartiles of all figures, and how many samples each method failed on.

        Returns
        -------
        str
            The table, one line for each method; each figure over the samples that the method has it for.
        """
        return text_of(rows_of(self.dataset, self.metrics))

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the comparison to a folder.

        Parameters
        ----------
        folder : path-like
            The folder to make: it holds a Zarr store of the data set, and a file of bodies.
        overwrite : bool, default=False
            Whether a folder that exists is replaced.

        Returns
        -------
        pathlib.Path
            The folder, there in full or not at all.
        """
        target = target_path(folder, owner="Comparison.save", overwrite=overwrite, folder=True, name="folder")
        with replacing_folder(target, overwrite=overwrite) as partial:
            with_texts(self.dataset).to_zarr(partial / DATA, consolidated=False)
            bodies_to_file(partial / BODIES, {**_numbered(self.bodies), TRUTHS: self.truths})
        return target

    def to_html(
        self, path: str | os.PathLike[str], *, title: str | None = None, overwrite: bool = False
    ) -> Path:
        """Write the comparison as one page for a browser: tables, curves, patterns, and bodies to be turned.

        Parameters
        ----------
        path : path-like
            The page to write, such as ``"comparison.html"``. It needs no other file and no network.
        title : str, optional
            Heading of the page; by default the names of the methods.
        overwrite : bool, default=False
            Whether an older page may be replaced.

        Returns
        -------
        pathlib.Path
            The page.

        See Also
        --------
        scatterkit.comparison.view_body : A page of one body.
        """
        owner = "Comparison.to_html"
        check_value(title, Instance((str,), optional=True), name="title", owner=owner)
        target = target_path(path, owner=owner, overwrite=overwrite)
        page = page_of(self, title=title)
        with replacing(target, overwrite=overwrite) as partial:
            partial.write_text(page, encoding="utf-8")
        return target

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Comparison:
        """Read a comparison from the folder that `save` wrote.

        Parameters
        ----------
        folder : path-like
            The folder.

        Returns
        -------
        Comparison
            The same comparison.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        DataFormatError
            If it holds something else, or is damaged.
        """
        import xarray as xr

        root, owner, allowed = Path(folder), "Comparison.load", "a folder that Comparison.save wrote"
        if not root.is_dir():
            raise FileNotFoundError(
                f"The 'folder' parameter of {owner} must be {allowed}. There is no {root}."
            )
        try:
            stored = bodies_from_file(root / BODIES)
            with xr.open_zarr(root / DATA, consolidated=False) as source:
                dataset = with_texts(source.load())
            if dataset.attrs.get("format", FORMAT) != FORMAT:
                raise ValueError(f"a data set of the form {shown(dataset.attrs['format'])}")
            truths = stored.pop(TRUTHS)
            names = [str(name) for name in dataset["method"].values]
            return cls(dataset, dict(zip(names, stored.values(), strict=True)), truths)
        except (OSError, ValueError, KeyError) as error:
            raise bad_file(root, owner, allowed, f"something else ({error})") from error

    def _values(self, metric: str) -> tuple[NDArray[np.float64], str]:
        """Give a figure of all methods and samples, and which is better, or say which figures there are."""
        check_value(metric, Choice(tuple(self.metrics)), name="metric", owner="Comparison")
        array = self.dataset[metric].transpose("method", "sample")
        return np.asarray(array.values, np.float64), METRICS[metric]["better"]

    def __repr__(self) -> str:
        n = self.dataset.sizes["sample"]
        return f"<Comparison of {', '.join(self.methods)} on {n} sample{'s' * (n != 1)}>"


def _units_of(names: Mapping[str, Any], unit: str) -> dict[str, str]:
    return {name: "1" if name.startswith(("share", "n_")) else unit for name in names}


def _numbered(bodies: Mapping[str, list[Body]]) -> dict[str, list[Body]]:
    """Name lists of bodies by their places: a method may have any name."""
    return {f"method {place}": found for place, found in enumerate(bodies.values())}


def _checked(dataset: Any) -> Any:
    import xarray as xr

    allowed = "an xarray Dataset with figures along ('method', 'sample')"
    if not isinstance(dataset, xr.Dataset) or not {"method", "sample"} <= set(dataset.coords):
        raise fail("dataset", "Comparison", allowed, f"an object of type {type(dataset).__name__}")
    there = [name for name in METRICS if name in dataset]
    wrong = [name for name in there if set(dataset[name].dims) != {"method", "sample"}]
    if wrong or not there:
        raise fail("dataset", "Comparison", allowed, f"{wrong or list(dataset.data_vars)}")
    return dataset
