"""Data sets: published ones, generated ones, files of all kinds, and batches for networks."""

from typing import Any

from scatterkit.datasets._errors import DataFormatError
from scatterkit.datasets.feeding.as_keras import as_keras, as_tf_dataset
from scatterkit.datasets.feeding.body_pool import BodyPool
from scatterkit.datasets.feeding.pool_maker import make_pool
from scatterkit.datasets.files.cxi import read_cxi
from scatterkit.datasets.files.cxi_writer import write_cxi
from scatterkit.datasets.files.geometry import flat_detector
from scatterkit.datasets.files.images import read_images
from scatterkit.datasets.files.netcdf import read_netcdf, write_netcdf
from scatterkit.datasets.files.numpy_files import read_numpy
from scatterkit.datasets.generation._journal import GenerationError
from scatterkit.datasets.generation.generator import DatasetGenerator
from scatterkit.datasets.generation.store_writer import write_store
from scatterkit.datasets.generation.stored import open_dataset
from scatterkit.datasets.published._locate import DataNotFoundError
from scatterkit.datasets.published.barke2015 import MeasuredPatterns, fetch_barke2015
from scatterkit.datasets.published.mosaic import read_pattern, read_volume, write_pattern, write_volume
from scatterkit.datasets.published.scatter2d3d import (
    PublishedFit,
    PublishedGrid,
    fit_published,
    published_levels,
    published_simulator,
)
from scatterkit.datasets.published.scatter2d3d_bodies import solid_from_row
from scatterkit.datasets.published.scatter2d3d_folder import (
    iter_scatter2d3d,
    read_scatter2d3d,
    write_scatter2d3d,
)
from scatterkit.datasets.published.scatter2d3d_table import SampleRow, read_table
from scatterkit.datasets.published.table_sampler import PublishedSampler, RowDescriptor, TableSampler
from scatterkit.datasets.schema import make_dataset
from scatterkit.datasets.summary._checks import DataCheck
from scatterkit.datasets.summary.html_summary import dataset_checks, html_summary

__all__ = [
    "BodyPool",
    "DataCheck",
    "DataFormatError",
    "DataNotFoundError",
    "DatasetGenerator",
    "GenerationError",
    "MeasuredPatterns",
    "PublishedFit",
    "PublishedGrid",
    "PublishedSampler",
    "RowDescriptor",
    "SampleRow",
    "TableSampler",
    "as_keras",
    "as_tf_dataset",
    "dataset_checks",
    "fetch_barke2015",
    "fit_published",
    "flat_detector",
    "html_summary",
    "iter_scatter2d3d",
    "make_dataset",
    "make_pool",
    "open_dataset",
    "published_levels",
    "published_simulator",
    "read_cxi",
    "read_images",
    "read_netcdf",
    "read_numpy",
    "read_pattern",
    "read_scatter2d3d",
    "read_table",
    "read_volume",
    "solid_from_row",
    "write_cxi",
    "write_netcdf",
    "write_pattern",
    "write_scatter2d3d",
    "write_store",
    "write_volume",
]


def __getattr__(name: str) -> Any:
    """Load the source when it is asked for: it needs Keras, which is optional and slow to import."""
    if name == "OnTheFly":
        from scatterkit.datasets.feeding.on_the_fly import OnTheFly

        return OnTheFly
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
