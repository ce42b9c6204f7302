"""Finding patterns, masks, volumes and geometry in an open CXI or HDF5 file."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import fail
from scatterkit.datasets._errors import bad_file, check_plausible, needed
from scatterkit.datasets.files import _cxi_layout as layout
from scatterkit.datasets.files._frames import take
from scatterkit.datasets.files.geometry import UNITS, WAVELENGTH

OWNER = "read_cxi"
ALLOWED = "a CXI or HDF5 file of patterns"
N_LISTED = 12
IN_ENTRY = re.compile(r"/entry_\d+/")

Extra = tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]


class Reader:
    """An open file, and the data set of its patterns."""

    def __init__(self, source: Any, path: Path, entry: int, dataset: str | None) -> None:
        self.source = source
        self.path = path
        self.entry = source.get(f"entry_{entry}")
        self.patterns = self._array(dataset) if dataset else self._find_patterns(entry)
        shape = self.patterns.shape
        if len(shape) not in (2, 3) or 0 in shape or self.patterns.dtype.kind not in "iuf":
            raise self._bad(f"{_described(self.patterns)}, where patterns (n, rows, columns) should be")
        self.n = shape[0] if len(shape) == 3 else 1

    def _bad(self, given: str) -> Exception:
        return bad_file(self.path, OWNER, ALLOWED, given)

    def _array(self, name: str) -> Any:
        found = self.source.get(name)
        if found is None or not hasattr(found, "shape"):
            raise self._bad(f"no array {name!r}; it has {_listed(self.source)}")
        return found

    def _find_patterns(self, entry: int) -> Any:
        names = ["data_1/data", "instrument_1/detector_1/data"]
        names += [f"{name}/data" for name in self._images()]
        for name in names if self.entry is not None else []:
            found = self.entry.get(name)
            if found is not None and hasattr(found, "shape") and not self._is_real_space(found):
                return found
        wanted = f"no patterns where CXI has them (/entry_{entry}/data_1/data)"
        raise self._bad(f"{wanted}; name one as 'dataset': it has {_listed(self.source)}")

    def _images(self) -> list[str]:
        names = [] if self.entry is None else [name for name in self.entry if name.startswith("image_")]
        return sorted(names, key=lambda name: (len(name), name))

    def _is_real_space(self, array: Any) -> bool:
        return _text(array.parent.get("data_space")) == "real"

    def frames(self, array: Any, indices: NDArray[np.int64]) -> NDArray[Any]:
        """Some frames of an array of as many as there are patterns, or of one for all of them."""
        if array.ndim == 2:
            values = np.asarray(self._checked(array)[()])[None]
        else:
            values = take(self._checked(array, len(indices)), indices)
        flag = layout.number(array.parent, "is_fft_shifted", {}, 1.0)
        is_shifted = flag is not None and flag.size == 1 and flag.flat[0] == 1
        return np.fft.fftshift(values, axes=(-2, -1)) if is_shifted else values

    def _checked(self, array: Any, n: int = 1) -> Any:
        """An array whose n frames the file can hold; those of other files cannot be judged."""
        _provide_filters(array)
        if not array.is_virtual and array.external is None and array.id.get_storage_size():
            shape = array.shape[1:] if array.ndim > 2 else array.shape
            nbytes = n * int(np.prod(shape)) * array.dtype.itemsize
            check_plausible(nbytes, self.path, owner=OWNER, allowed=ALLOWED)
        return array

    def masks(
        self, name: str | bool | None, convention: str | None, bad_bits: int, indices: NDArray[np.int64]
    ) -> dict[str, NDArray[Any]]:
        """The mask and the saturated pixels, as far as the file has a mask."""
        if name is False:
            return {}
        array = self._find_mask() if name is None else self._array(str(name))
        if array is None:
            return {}
        if array.shape not in (self.patterns.shape, self.patterns.shape[-2:]):
            raise self._bad(f"{_described(array)} as the mask of {_described(self.patterns)}")
        convention = convention or self._convention(array)
        if convention != "cxi":
            flags = self.frames(array, indices) != 0
            return {"masks": flags if convention == "measured" else ~flags}
        if array.dtype.kind not in "iu":
            reason = "where the bits of a mask should be; say what they mean by 'mask_convention'"
            raise self._bad(f"{_described(array)}, {reason}")
        bits = self.frames(array, indices).astype(np.int64)
        full = np.broadcast_to(bits, (len(indices), *bits.shape[1:]))
        return {"masks": (full & bad_bits) == 0, "saturated": (full & layout.SATURATED_BIT) != 0}

    def _convention(self, array: Any) -> str:
        """What a mask says where nobody says it: bits in a CXI entry; elsewhere, it may be either."""
        if IN_ENTRY.match(array.name or ""):
            return "cxi"
        allowed = (
            "'measured' (pixels that are not zero were measured), 'masked' (they were not) or 'cxi' (bits), "
            "for a mask outside of a CXI entry; or mask=False"
        )
        raise fail("mask_convention", OWNER, allowed, f"None, for the mask {_described(array)},")

    def _find_mask(self) -> Any:
        places = [self.patterns.parent, self._detector()]
        found = [place.get("mask") for place in places if place is not None]
        return next((array for array in found if array is not None and hasattr(array, "shape")), None)

    def _detector(self) -> Any:
        """The group of the detector that measured the patterns."""
        groups = [self.patterns.parent]
        for parent in (self.patterns.parent, self.entry and self.entry.get("instrument_1")):
            if isinstance(parent, type(self.source["/"])):
                groups += [parent[name] for name in sorted(parent) if name.startswith("detector_")]
        same = [group for group in groups[1:] if group.get("data") == self.patterns]
        of_detectors = [group for group in groups if group.name.rsplit("/", 1)[-1].startswith("detector_")]
        return next(iter([*same, *of_detectors]), None)

    @cached_property
    def _wavelengths(self) -> NDArray[np.float64] | None:
        """The wavelength of all patterns, or of each."""
        for parent in (self.patterns.parent, self.entry and self.entry.get("instrument_1")):
            if parent is not None and "source_1" in parent:
                return layout.wavelengths(parent["source_1"])
        return None

    def attrs(self) -> dict[str, Any]:
        """What the file tells of the experiment; what `write_cxi` kept in full stands first."""
        exact = self._described().get("attrs", {})
        told = layout.detector_attrs(self._detector()) if self._detector() is not None else {}
        center = layout.image_center(self.patterns.parent)
        if center is not None:
            told["center"] = center
        lengths = self._wavelengths
        of_each = WAVELENGTH in self._described().get("coords", {})
        if lengths is not None and not of_each and np.all(lengths == lengths.flat[0]):
            told[WAVELENGTH] = float(lengths.flat[0])
        differ = {name: value for name, value in told.items() if not _close(exact.get(name), value)}
        merged = {**exact, **differ}
        units = ", ".join(f"{name} {unit}" for name, unit in UNITS.items() if name in merged)
        return {**merged, "units": units} if units and layout.DESCRIPTION not in self.source else merged

    def coords(self, indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The wavelength of every pattern, where it changes."""
        lengths = self._wavelengths
        if lengths is None or lengths.shape != (self.n,) or np.all(lengths == lengths[0]):
            return {}
        return {WAVELENGTH: lengths[indices]}

    def volumes(self, indices: NDArray[np.int64]) -> NDArray[Any] | None:
        """The volumes, as `write_cxi` writes them: an image in real space of four axes."""
        for name in self._images():
            array = self.entry[name].get("data")
            if array is None or not self._is_real_space(array) or array.dtype.kind not in "iuf":
                continue
            if array.ndim == 4 and len(array) == self.n:
                return take(self._checked(array, len(indices)), indices)
        return None

    def _described(self) -> dict[str, Any]:
        """What `write_cxi` says of the attributes, coordinates and variables that it added."""
        text = self.source.get(layout.DESCRIPTION)
        return dict(json.loads(_text(text))) if text is not None else {}

    def extras(self, part: str, indices: NDArray[np.int64]) -> dict[str, Extra]:
        """Coordinates or variables that the convention has no place for, as `write_cxi` keeps them."""
        found = {}
        for name, told in self._described().get(part, {}).items():
            array = self.source[f"{layout.OURS}/{part}/{name}"]
            if array.dtype.kind not in "iufbS":
                raise self._bad(_described(array))
            self._checked(array, len(array) if array.ndim else 1)
            in_order = tuple(told["dims"])
            values = take(array, indices) if in_order[:1] == ("sample",) else np.asarray(array[()])
            values = np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values
            found[name] = (in_order, values, dict(told["attrs"]))
        return found

    def placed_attrs(self) -> dict[str, dict[str, Any]] | None:
        """The attributes of the variables that `write_cxi` had; None for a file of another origin."""
        if layout.DESCRIPTION not in self.source:
            return None
        return {name: dict(attrs) for name, attrs in self._described().get("placed", {}).items()}


def _provide_filters(array: Any) -> None:
    """Load the library of the compressions that HDF5 itself does not know, where an array uses one."""
    from h5py import h5z

    settings = array.id.get_create_plist()
    filters = [settings.get_filter(i) for i in range(settings.get_nfilters())]
    unknown = [(number, name) for number, _, _, name in filters if not h5z.filter_avail(number)]
    if unknown:
        number, name = unknown[0]
        needed("hdf5plugin", f"Data that HDF5 filter {number} compressed ({name.decode(errors='replace')})")


def _listed(source: Any) -> str:
    """The arrays of two or three axes in a file, in words."""
    found: list[str] = []

    def visit(name: str, item: Any) -> None:
        if hasattr(item, "shape") and len(item.shape or ()) in (2, 3):
            found.append(_described(item))

    source.visititems(visit)
    more = f" and {len(found) - N_LISTED} more" if len(found) > N_LISTED else ""
    return (", ".join(found[:N_LISTED]) + more) or "no array of two or three axes"


def _described(array: Any) -> str:
    return f"{array.name} {array.shape} of {array.dtype}"


def _text(member: Any) -> str:
    if member is None or not hasattr(member, "shape"):
        return ""
    if not layout.is_text(member.dtype):
        return ""
    value = np.ravel(member[()])
    first = value[0] if value.size else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)


def _close(a: Any, b: Any) -> bool:
    """Whether two attributes are the same numbers but for the rounding of a change of units."""
    try:
        return bool(np.allclose(a, b, rtol=1e-9, atol=1e-12)) and np.shape(a) == np.shape(b)
    except TypeError:
        return False
