"""The function that runs methods side by side."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._interrupts import kept_interrupts
from scatterkit._progress import progress_bar
from scatterkit._serialization import to_json, to_plain, to_plain_result
from scatterkit._validation import (
    Boolean,
    Instance,
    Integer,
    Positive,
    Real,
    check_value,
    check_volumes,
    fail,
    shown,
)
from scatterkit.comparison._judging import Body, Judge, Truth
from scatterkit.comparison._layout import dataset_of
from scatterkit.comparison._methods import OWNER, Answer, Method
from scatterkit.comparison._records import Journal, Record
from scatterkit.comparison.comparison import Comparison
from scatterkit.experiment import grid_step
from scatterkit.fitting._pattern_checks import measured_masks, measured_patterns
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

Images = NDArray[np.float32]
Masks = NDArray[np.bool_]


def compare(
    reconstructors: Mapping[str, Any],
    X: ArrayLike,
    y: ArrayLike | Sequence[Body] | None = None,
    *,
    mask: ArrayLike | None = None,
    budget: float | None = None,
    simulator: MSFTSimulator | None = None,
    sample_names: Sequence[str] | None = None,
    grid: int = 64,
    max_shift: float = 3.0,
    eps: float = 1e2,
    results: str | os.PathLike[str] | None = None,
    verbose: bool = False,
) -> Comparison:
    """Run several methods on the same patterns, one pattern at a time, and judge their bodies alike.

    Parameters
    ----------
    reconstructors : mapping of str to estimator
        The methods, by name: a trained `PhysicsReconstructor`, refining or not, a `ForwardFitter`, any fitter of
        `make_baseline`, or another object with ``predict(X, mask=...)`` to volumes or ``predict_solids``. They stay
        as they are: copies are run.
    X : array-like of shape (n, rows, columns)
        Log-scaled patterns in [0, 1], measured or simulated. Pixels outside the mask may hold anything, NaN too.
    y : array-like of shape (n, z, y, x), or sequence of Solid, array or None, optional
        The true body of each pattern, where it is known: a solid, or a volume that fills the box of ``simulator``.
    mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
        True where a pixel was measured; everything by default.
    budget : float [s], optional
        Time for one body, for those methods that take what they are given: fitters, and the refinement of a
        network. By default each has its own.
    simulator : MSFTSimulator, optional
        The experiment that bodies are judged by; by default that of the methods, if all have the same.
    sample_names : sequence of str, optional
        Names of the patterns; numbers by default.
    grid : int, default=64
        Voxels along each axis of the volumes in which solids are compared; beside a true volume, its own.
    max_shift : float [pixel], default=3.0
        Largest shift of a pattern's centre that the judge looks for.
    eps : float [intensity], default=1e2
        Background of the scatter loss.
    results : path-like, optional
        Folder that keeps what is finished: the same call goes on from there, however it was ended. None by default.
    verbose : bool, default=False
        Whether to show progress.

    Returns
    -------
    Comparison
        Figures, times, predicted patterns and bodies of all methods and samples.

    Raises
    ------
    InvalidParameterError
        If a parameter, pattern, mask or body is not as described, or the folder of results is that of another call.
    NotFittedError
        If a network is not trained.

    Warns
    -----
    RuntimeWarning
        If a method found no body for some of the patterns, and what methods warned of.

    See Also
    --------
    Comparison : What is in it, and what can be made of it.

    Notes
    -----
    A method that raises on one pattern loses that pattern only: its figures are NaN, and ``failure`` says why.
    Before a clock runs, each method has compiled what it compiles and made what it makes once, such as a library.
    Seconds are those of one pattern alone; a network that takes many at once needs less for each.

    The judge simulates each body, fits the detector's response, and gives the mean squared difference over the mask,
    whatever the method minimised. Beside true bodies it gives the scatter loss of noiseless intensities, and overlaps
    after the best shift.

    Examples
    --------
    >>> from scatterkit.comparison import compare
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.fitting import MultiStartFitter
    >>> from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
    >>> from scatterkit.solids import Solid
    >>> detector = QGrid(n_pixels=32, dq=0.02)
    >>> cubes = [Solid.from_catalogue("cube", circumradius=size) for size in (40, 50)]
    >>> X = LogScaler().transform(PolyhedronSimulator(detector=detector).transform(cubes))
    >>> short = {"simulator": MSFTSimulator(detector=detector), "n_pixels": 200, "random_state": 0}
    >>> methods = {
    ...     "one look": MultiStartFitter(max_simulations=1, **short),
    ...     "ten looks": MultiStartFitter(max_simulations=10, **short),
    ... }
    >>> comparison = compare(methods, X, cubes, grid=32)
    >>> comparison
    <Comparison of one look, ten looks on 2 samples>
    >>> comparison.dataset.n_simulations.values.tolist()
    [[1.0, 1.0], [10.0, 10.0]]
    """
    _check_settings(reconstructors, budget, simulator, grid, max_shift, eps, results, verbose)
    methods = [Method(name, estimator, budget) for name, estimator in reconstructors.items()]
    experiment = _experiment(methods) if simulator is None else simulator
    masks = measured_masks(X, mask, experiment, owner=OWNER)
    for method in methods:
        if (own := method.simulator()) is not None:
            measured_masks(X, mask, own, owner=f"{OWNER} ({method.name!r})")
            if method.gives_volumes() and own.box != experiment.box:
                allowed = f"one whose box is that of the volumes of {method.name!r}, {own.box:g} nm"
                raise fail("simulator", OWNER, allowed, f"a box of {experiment.box:g} nm")
    patterns = measured_patterns(X, masks, experiment, owner=OWNER)
    truths, names = _truths(y, len(patterns)), _names(sample_names, len(patterns))
    judge = Judge(experiment, int(grid), float(max_shift), float(eps))
    journal = None
    if results is not None:
        settings = [to_plain_result(experiment), int(grid), float(max_shift), float(eps)]
        journal = Journal(Path(results), _request(methods, patterns, masks, truths, settings))
    records = _run(methods, judge, patterns, masks, truths, journal, bool(verbose))
    _warn(records, len(patterns))
    attrs = _attrs(methods, judge, budget)
    with_truth = any(truth is not None for truth in truths)
    dataset = dataset_of(records, patterns, masks, names, with_truth=with_truth, attrs=attrs)
    return Comparison(dataset, {name: [one.body for one in found] for name, found in records.items()}, truths)


def _run(
    methods: list[Method],
    judge: Judge,
    patterns: Images,
    masks: Masks,
    truths: list[Body],
    journal: Journal | None,
    verbose: bool,
) -> dict[str, list[Record]]:
    """Give the records of all methods and samples: those that are kept, and new ones."""
    n = len(patterns)
    kept = {} if journal is None else _kept(journal, len(methods), n)
    pending = [[place for place in range(len(methods)) if (place, i) not in kept] for i in range(n)]
    clearest = int(np.argmax([np.std(p[m]) for p, m in zip(patterns, masks, strict=True)]))
    for place in sorted({place for places in pending for place in places}):
        methods[place].warm_up(patterns[clearest], masks[clearest])
    told: list[tuple[str, warnings.WarningMessage]] = []
    with (
        progress_bar(len(methods) * n, description="bodies", verbose=verbose, unit="body") as bar,
        kept_interrupts() as check_interrupts,
    ):
        bar.update(len(kept))
        for sample, places in enumerate(pending):
            truth = judge.truth(truths[sample]) if places else None
            for place in places:
                bar.set_postfix(method=methods[place].name, sample=sample, refresh=False)
                record, answer = _one(methods[place], judge, patterns[sample], masks[sample], truth)
                check_interrupts()
                kept[place, sample] = record
                if answer and record.body is not None:  # of no body, its failure tells them
                    title = f"{methods[place].name}, sample {sample}"
                    told += [(title, caught) for caught in answer.warned]
                if journal is not None:
                    journal.write(place, sample, record)
                bar.update()
    for title, caught in told:
        warnings.warn(f"{title}: {caught.message}", caught.category, stacklevel=3)
    return {method.name: [kept[place, i] for i in range(n)] for place, method in enumerate(methods)}


def _kept(journal: Journal, n_methods: int, n_samples: int) -> dict[tuple[int, int], Record]:
    pairs = ((place, i) for place in range(n_methods) for i in range(n_samples))
    found = ((pair, journal.read(*pair)) for pair in pairs)
    return {pair: record for pair, record in found if record is not None}


def _one(
    method: Method, judge: Judge, pattern: Images, mask: Masks, truth: Truth | None
) -> tuple[Record, Answer | None]:
    """Run a method on a sample and judge its body; what goes wrong is the sample's loss alone."""
    try:
        answer = method.run(pattern, mask)
    except Exception as error:
        return Record(failure=f"{type(error).__name__}: {error}"), None
    if answer.body is None:
        told = "; ".join(str(caught.message) for caught in answer.warned)
        return Record(failure=f"no body was found{': ' * bool(told)}{told}"), answer
    taken: dict[str, Any] = {
        "body": answer.body,
        "seconds": answer.seconds,
        "n_simulations": answer.n_simulations,
        "curve": answer.curve,
    }
    try:
        verdict = judge.judge(answer.body, pattern, mask, truth)
    except Exception as error:
        return Record(
            **taken, failure=f"the body could not be judged: {type(error).__name__}: {error}"
        ), answer
    return Record(**taken, figures=verdict.figures, predicted=verdict.predicted), answer


def _warn(records: Mapping[str, list[Record]], n: int) -> None:
    failed = {name: sum(bool(one.failure) for one in found) for name, found in records.items()}
    told = ", ".join(f"{name}: {count} of {n}" for name, count in failed.items() if count)
    if told:
        warnings.warn(
            f"Some bodies were not found ({told}); 'failure' says why", RuntimeWarning, stacklevel=3
        )


def _check_settings(
    reconstructors: Any,
    budget: Any,
    simulator: Any,
    grid: Any,
    max_shift: Any,
    eps: Any,
    results: Any,
    verbose: Any,
) -> None:
    named = isinstance(reconstructors, Mapping) and all(
        isinstance(name, str) and name.strip() for name in reconstructors
    )
    if not named or not reconstructors:
        raise fail(
            "reconstructors", OWNER, "a mapping of names to estimators, at least one", shown(reconstructors)
        )
    check_value(budget, Positive("s", optional=True), name="budget", owner=OWNER)
    check_value(simulator, Instance((MSFTSimulator,), optional=True), name="simulator", owner=OWNER)
    check_value(grid, Integer(8), name="grid", owner=OWNER)
    check_value(max_shift, Real(low=0, high=16, unit="pixels"), name="max_shift", owner=OWNER)
    check_value(eps, Positive("the intensity's unit"), name="eps", owner=OWNER)
    check_value(results, Instance((str, os.PathLike), optional=True), name="results", owner=OWNER)
    if results is not None and Path(results).is_file():
        raise fail("results", OWNER, "the path of a folder", f"{results}, which is a file,")
    check_value(verbose, Boolean(), name="verbose", owner=OWNER)


def _experiment(methods: list[Method]) -> MSFTSimulator:
    """Give the experiment that all methods share."""
    found = [own for method in methods if (own := method.simulator()) is not None] or [MSFTSimulator()]
    if any(to_plain_result(one) != to_plain_result(found[0]) for one in found):
        allowed = "given where the methods have different ones"
        raise fail("simulator", OWNER, allowed, "None")
    return found[0]


def _truths(y: Any, n: int) -> list[Body]:
    """Give the true body of each sample, checked, or None."""
    if y is None:
        return [None] * n
    if isinstance(y, Solid) or not hasattr(y, "__len__") or len(y) != n:
        given = f"{len(y)} of them" if hasattr(y, "__len__") else shown(y)
        raise fail("y", OWNER, f"{n} bodies, one for each pattern", given)
    return [_truth(body) for body in y]


def _truth(body: Any) -> Body:
    if body is None or isinstance(body, Solid):
        return body
    allowed = "solids, or volumes of as many voxels along z, y and x that are not empty"
    if np.ndim(body) != 3 or len(set(np.shape(body))) != 1:
        raise fail("y", OWNER, allowed, shown(body))
    volume: Images = np.clip(check_volumes(np.asarray(body)[None], owner=OWNER, name="y")[0], 0, 1)
    if not volume.any():
        raise fail("y", OWNER, allowed, "an empty volume")
    return volume


def _names(names: Any, n: int) -> list[str]:
    if names is None:
        return [str(i) for i in range(n)]
    given = [names] if isinstance(names, str) else [str(name) for name in names]
    if isinstance(names, str) or len(given) != n or len(set(given)) != n:
        raise fail("sample_names", OWNER, f"{n} different names, one for each pattern", shown(names))
    return given


def _request(
    methods: list[Method], patterns: Images, masks: Masks, truths: list[Body], settings: Any
) -> dict[str, Any]:
    """Tell this call from others."""

    def digest(parts: Iterator[bytes]) -> str:
        found = hashlib.sha256()
        for part in parts:
            found.update(hashlib.sha256(part).digest())
        return found.hexdigest()

    bodies = (to_json(b).encode() if isinstance(b, Solid) else np.asarray(b).tobytes() for b in truths)
    return {
        "reconstructors": [[method.name, method.digest()] for method in methods],
        "patterns": digest(iter([str(patterns.shape).encode(), patterns.tobytes()])),
        "masks": digest(iter([masks.tobytes()])),
        "true bodies": digest(b"none" if t is None else b for t, b in zip(truths, bodies, strict=True)),
        "settings": json.dumps(settings, sort_keys=True),
    }


def _attrs(methods: list[Method], judge: Judge, budget: float | None) -> dict[str, Any]:
    """Say how the figures came about."""
    described = {method.name: method.described() for method in methods}
    dq = grid_step(judge.simulator)
    return {
        "reconstructors": json.dumps(described),
        "simulator": json.dumps(to_plain(judge.simulator)),
        "box": float(judge.simulator.box),
        "grid": judge.grid,
        "max_shift": judge.max_shift,
        "eps": judge.eps,
        **({} if budget is None else {"budget": float(budget)}),
        **({} if dq is None else {"dq": dq}),
    }


__all__ = ["compare"]
