"""One body on one page, to be turned, zoomed and cut."""

from __future__ import annotations

import os
from pathlib import Path

from numpy.typing import ArrayLike

from scatterkit import _html
from scatterkit._validation import Instance, Positive, check_array, check_value, fail
from scatterkit.comparison._bodies import (
    Seen,
    body_views,
    seen_solid,
    seen_volume,
    viewer_script,
    viewer_style,
)
from scatterkit.datasets.files._writing import replacing, target_path
from scatterkit.metrics.volumes import FILLED
from scatterkit.plotting._gallery import spoken
from scatterkit.solids import Solid


def view_body(
    body: Solid | ArrayLike,
    path: str | os.PathLike[str],
    *,
    box: float = 318.75,
    absorption_length: float | None = 12.5,
    title: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a page with a body that can be turned, zoomed and cut.

    The page is one file that any browser opens, without a network.

    Parameters
    ----------
    body : Solid or array-like of shape (z, y, x)
        A body, or occupancies in [0, 1]; of these the surface is shown where they are one half.
    path : path-like
        The page to write, such as ``"body.html"``.
    box : float [nm], default=318.75
        Side of the cube that a volume fills; a `Solid` has its own size.
    absorption_length : float [nm], optional, default=12.5
        The material's. What lies deeper than three of them behind the front is drawn in another tone: the pattern
        says next to nothing of it. None draws all in one tone.
    title : str, optional
        Heading of the page; by default the body's name.
    overwrite : bool, default=False
        Whether an older page may be replaced.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ValueError
        If a volume is nowhere above one half.

    See Also
    --------
    scatterkit.plotting.show_solid : A picture of a body.

    Examples
    --------
    >>> import tempfile
    >>> from scatterkit.comparison import view_body
    >>> from scatterkit.solids import Solid
    >>> body = Solid.from_catalogue("icosahedron", circumradius=50)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = view_body(body, f"{folder}/body.html")
    ...     "Cut along the beam" in page.read_text(encoding="utf-8")
    True
    """
    owner = "view_body"
    check_value(box, Positive("nm"), name="box", owner=owner)
    check_value(absorption_length, Positive("nm", optional=True), name="absorption_length", owner=owner)
    check_value(title, Instance((str,), optional=True), name="title", owner=owner)
    target = target_path(path, owner=owner, overwrite=overwrite)
    page = body_page(_packed(body, box, owner), title or _name(body), absorption_length)
    with replacing(target, overwrite=overwrite) as partial:
        partial.write_text(page, encoding="utf-8")
    return target


def body_page(body: Seen, title: str, absorption_length: float | None) -> str:
    """Give a page of one body."""
    view = body_views([(title, body)], absorption_length)
    return _html.page(title, "", [("", view)], style=viewer_style(), script=viewer_script())


def _packed(body: Solid | ArrayLike, box: float, owner: str) -> Seen:
    if isinstance(body, Solid):
        return seen_solid(body)
    slack = 1e-5  # float32 sums of coverage may overshoot by rounding
    volume = check_array(
        body,
        name="body",
        owner=owner,
        shape=(None,) * 3,
        low=-slack,
        high=1 + slack,
        what="a Solid or a volume (z, y, x)",
    )
    if len(set(volume.shape)) > 1:
        raise fail("body", owner, "a Solid or a cubic volume (z, y, x)", f"shape {volume.shape}")
    if volume.max() < FILLED:
        raise fail("body", owner, f"a body, somewhere above {FILLED:g}", f"values up to {volume.max():g}")
    return seen_volume(volume, box)


def _name(body: Solid | ArrayLike) -> str:
    return spoken(getattr(body, "name", None) or "") or "Body"
