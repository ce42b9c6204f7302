"""Published data: fetchers and readers."""

from scatterkit.datasets._locate import DataNotFoundError
from scatterkit.datasets.barke2015 import MeasuredPatterns, fetch_barke2015
from scatterkit.datasets.mosaic import read_pattern, read_volume, write_pattern, write_volume
from scatterkit.datasets.scatter2d3d import (
    PublishedFit,
    PublishedGrid,
    fit_published,
    published_levels,
    published_simulator,
)
from scatterkit.datasets.scatter2d3d_bodies import solid_from_row
from scatterkit.datasets.scatter2d3d_table import SampleRow, read_table
from scatterkit.datasets.schema import make_dataset

__all__ = [
    "DataNotFoundError",
    "MeasuredPatterns",
    "PublishedFit",
    "PublishedGrid",
    "SampleRow",
    "fetch_barke2015",
    "fit_published",
    "make_dataset",
    "published_levels",
    "published_simulator",
    "read_pattern",
    "read_table",
    "read_volume",
    "solid_from_row",
    "write_pattern",
    "write_volume",
]
