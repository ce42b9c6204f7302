"""The training loop: steps, record, validation, checkpoints; set back where the loss is not finite."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scatterkit._interrupts import kept_interrupts
from scatterkit._progress import progress_bar
from scatterkit.reconstruction.training._checkpoints import LOG, Checkpoint, save_checkpoint
from scatterkit.reconstruction.training._optimizer import State
from scatterkit.reconstruction.training._records import Record
from scatterkit.reconstruction.training._steps import Steps, arrays_of, ops, tensors_of
from scatterkit.reconstruction.training._supplies import Supply
from scatterkit.reconstruction.training.errors import TrainingError

LOG_EVERY = 10
"""Steps between two looks at what the device has computed; in between it is not waited for."""
PATIENCE, SETBACKS = 10, 3
"""Steps in a row without a finite loss after which a training is set back, and how often that is done."""


@dataclass(frozen=True)
class Course:
    """How a training goes, and where it is kept.

    Parameters
    ----------
    n_steps : int
        The step to stop at.
    first : int
        The step that takes the first batch.
    validate_every : int
        Steps between two validations.
    folder : Path or None
        Where checkpoints and the log go.
    minutes : float [min]
        Time between two checkpoints.
    time_budget : float or None [s]
        When to stop in any case.
    events : Path or None
        Folder of TensorBoard's events.
    verbose : bool
        Whether to show progress.
    """

    n_steps: int
    first: int = 0
    validate_every: int = 1000
    folder: Path | None = None
    minutes: float = 10.0
    time_budget: float | None = None
    events: Path | None = None
    verbose: bool = False


class Training:
    """One training.

    Parameters
    ----------
    steps : Steps
        The compiled functions.
    supply : Supply
        The batches.
    course : Course
        How it goes.
    start : Checkpoint
        Where it begins.

    Attributes
    ----------
    reached : Checkpoint
        Where it is, as far as a checkpoint would keep it.
    """

    def __init__(self, steps: Steps, supply: Supply, course: Course, start: Checkpoint) -> None:
        self._steps, self._supply, self._course = steps, supply, course
        self.reached = start
        self._begun = time.monotonic()
        self._before = start.seconds
        self._saved = self._begun
        log = None if course.folder is None else course.folder / LOG
        self._record = Record(list(start.history), log, course.events)
        self._good: State | None = None

    def run(self) -> None:
        """Train up to the end, or to where the time is over or the user stops it; `reached` is where."""
        state = tensors_of(self.reached.state)
        self._good = state if self.reached.good is None else tensors_of(self.reached.good)
        step, reports = int(self.reached.state["step"]), []
        bar = progress_bar(
            self._course.n_steps,
            description="training",
            verbose=self._course.verbose,
            unit="step",
            initial=step,
        )
        mark = state
        try:
            with kept_interrupts() as check_interrupts, bar:
                while step < self._course.n_steps:
                    check_interrupts()
                    batch = self._supply.at(step - self._course.first)
                    state, report = self._steps.advance(state, batch)
                    reports.append(report)
                    step += 1
                    bar.update()
                    if not self._is_due(step):
                        continue
                    state = mark = self._looked_at(state, step, reports, bar)
                    reports = []
                    if self._is_time_to_save(step):
                        self._keep(mark)
                    if self._seconds() > (self._course.time_budget or np.inf):
                        break
        finally:
            self._keep(mark)
            self._supply.close()
        if not int(self.reached.state["updates"]):
            raise TrainingError(
                f"None of {step} training steps had a finite loss: look at the patterns and volumes."
            )

    def _is_due(self, step: int) -> bool:
        last = step == self._course.n_steps
        return last or step % LOG_EVERY == 0 or step % self._course.validate_every == 0

    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    def _is_time_to_save(self, step: int) -> bool:
        if self._course.folder is None or step == self._course.n_steps:
            return False  # the end is saved in any case
        return time.monotonic() - self._saved >= 60 * self._course.minutes

    def _looked_at(self, state: State, step: int, reports: list[Mapping[str, Any]], bar: Any) -> State:
        """Record some steps; give the state to go on from."""
        values = {name: np.array([float(_number(r[name])) for r in reports]) for name in reports[0]}
        good = values["good"] > 0
        loss = float(values["loss"][good].mean()) if good.any() else np.nan
        streak = int(_number(state["streak"]))
        if streak >= PATIENCE:
            state = self._set_back(state, step)
        elif good.all():
            self._good = state
        row = {
            "step": step,
            "seconds": self._before + self._seconds(),
            "loss": loss,
            "validation": self._validated(state, step),
            "learning_rate": float(values["rate"][-1]),
            "gradient": float(values["norm"][good].mean()) if good.any() else np.nan,
            "skipped": int((~good).sum()),
        }
        self._record.add(row)
        bar.set_postfix(loss=f"{loss:.5g}", refresh=False)
        return state

    def _validated(self, state: State, step: int) -> float:
        """Give the loss of the validation samples, as it is weighed in the end; NaN between two validations."""
        if step % self._course.validate_every and step != self._course.n_steps:
            return np.nan
        losses, sizes = [], []
        for batch in self._supply.validation():
            losses.append(self._steps.validate(state, batch, self._course.n_steps))
            sizes.append(int(batch[0][0].shape[0]))
        return float(np.average(losses, weights=sizes)) if losses else np.nan

    def _set_back(self, state: State, step: int) -> State:
        """Go back to the last state without a fault, and on with other batches."""
        self.reached = replace(self.reached, setbacks=self.reached.setbacks + 1)
        assert self._good is not None
        if self.reached.setbacks > SETBACKS:
            raise TrainingError(
                f"The loss was not finite for {PATIENCE} steps in a row before step {step}, after the training had "
                f"been set back {SETBACKS} times. A smaller learning_rate or precision 'float32' may help, in "
                "another checkpoint folder; if not, look for NaN in the volumes."
            )
        kept = {name: state[name] for name in ("step", "bad", "scale", "calm")}
        return {**self._good, **kept, "streak": ops.zeros_like(state["streak"])}

    def _keep(self, state: State) -> None:
        """Make a state the one that is reached, on disk too."""
        rows = [row for row in self._record.rows if row["step"] <= int(_number(state["step"]))]
        seconds = self._before + self._seconds()
        assert self._good is not None
        good = None if self._good is state else arrays_of(self._good)
        self.reached = replace(self.reached, state=arrays_of(state), history=rows, seconds=seconds, good=good)
        if self._course.folder is not None:
            save_checkpoint(self._course.folder, self.reached)
            self._saved = time.monotonic()


def _number(tensor: Any) -> Any:
    return np.asarray(ops.convert_to_numpy(tensor))
