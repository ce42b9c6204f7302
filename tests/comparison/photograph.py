"""Photograph the page of a comparison for the documentation: python tests/comparison/photograph.py --output x.webp."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from browser import find_browser, running_browser
from PIL import Image

from scatterkit.comparison import Comparison, compare
from scatterkit.fitting import ForwardFitter, MultiStartFitter, RetrievalFitter
from scatterkit.simulation import LogScaler, PolyhedronSimulator
from scatterkit.solids import HalfSpaceSampler


def example(n_samples: int, budget: float) -> Comparison:
    """Compare three methods on a few simulated patterns."""
    bodies = HalfSpaceSampler(random_state=1).sample(n_samples)
    patterns = LogScaler().transform(PolyhedronSimulator().transform(bodies))
    methods = {
        "retrieval": RetrievalFitter(random_state=0),
        "Adam": MultiStartFitter(random_state=0),
        "Levenberg-Marquardt": ForwardFitter(random_state=0),
    }
    return compare(methods, patterns, bodies, budget=budget)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="picture to write, such as page.webp")
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--budget", type=float, default=4.0, help="seconds for one body")
    arguments = parser.parse_args()
    program = find_browser()
    if program is None:
        parser.error("no browser of the Chromium family is on the path")
    with tempfile.TemporaryDirectory() as folder:
        page = example(arguments.samples, arguments.budget).to_html(Path(folder) / "page.html")
        picture = Path(folder) / "page.png"
        with running_browser(program, Path(folder) / "profile") as browser:
            browser.open(page, width=1180, height=1280)
            x, y, width, height = browser.place(".bodies canvas")
            browser.wait_for("document.querySelector('.bodies').dataset.state === 'still'")
            browser.drag((x + width / 2, y + height / 2), (-25, 10))
            browser.wait_for("document.querySelector('.bodies').dataset.state === 'still'")
            browser.evaluate("document.activeElement.blur()")
            browser.evaluate("document.querySelector('details').scrollIntoView()")
            browser.screenshot(picture)
        Image.open(picture).convert("RGB").save(arguments.output, quality=85)


if __name__ == "__main__":
    main()
