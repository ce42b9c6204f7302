"""Which library computes, and that none is loaded for NumPy arrays."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from scatterkit._arrays import NUMPY, is_tensor, namespace


def test_plain_data_are_computed_by_numpy() -> None:
    assert namespace(np.zeros(2), [1.0], 3) is NUMPY
    assert not is_tensor(np.float32(1))


def test_numpy_needs_no_keras() -> None:
    code = (
        "import sys, numpy as np; from scatterkit._arrays import namespace; namespace(np.zeros(2)); "
        "assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tensors_are_computed_by_keras() -> None:
    from keras import ops

    assert namespace(np.zeros(2), ops.zeros(2)) is ops


def test_both_have_what_code_for_both_needs() -> None:
    assert NUMPY.cast([1.7], "int32").dtype == np.int32
    np.testing.assert_array_equal(NUMPY.convert_to_tensor([1, 2], "float32"), np.float32([1, 2]))
    assert NUMPY.where is np.where
