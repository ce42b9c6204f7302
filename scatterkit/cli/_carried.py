"""Records within files: how each format carries one, and how it is read again."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scatterkit.cli._record import record_text, sidecar_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEY = "scatterkit_record"
CARRIERS = (".npz", ".nc", ".png", ".tif", ".tiff")
"""Formats that carry the record themselves."""
GREY_LEVELS = 65535


def read_record(path: Path) -> dict[str, Any] | None:
    """Give the record that an output carries, or that lies beside it; None where there is none."""
    text: str | None = None
    if path.suffix.lower() == ".json":
        text = path.read_text(encoding="utf-8")
    elif path.suffix.lower() in CARRIERS and path.is_file():
        text = _carried(path)
    beside = sidecar_of(path)
    if text is None and path.exists() and beside.is_file():
        text = beside.read_text(encoding="utf-8")
    found = None if text is None else json.loads(text)
    return found if isinstance(found, dict) else None


def _carried(path: Path) -> str | None:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        import numpy as np

        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                return str(arrays[KEY]) if KEY in arrays else None
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(f"a damaged .npz file ({error})") from error
    if suffix == ".nc":
        import h5py

        with h5py.File(path, "r") as file:
            value = file.attrs.get(KEY)
            return value.decode() if isinstance(value, bytes) else value
    from PIL import Image

    with Image.open(path) as picture:
        if suffix == ".png":
            picture.load()
            found = getattr(picture, "text", {}).get(KEY)
            return None if found is None else str(found)
        text = str(picture.tag_v2.get(270, ""))  # type: ignore[attr-defined]  # ImageDescription
        return text if text.startswith("{") and '"scatterkit"' in text else None


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> None:
    """Write arrays, and the record as one more."""
    import numpy as np

    marked: dict[str, Any] = {**arrays, KEY: np.array(record_text(record))}
    with path.open("wb") as stream:
        np.savez_compressed(stream, **marked)


def write_png(path: Path, pattern: NDArray[np.float32], record: Mapping[str, Any]) -> None:
    """Write a pattern in [0, 1] as 16-bit grey levels."""
    import numpy as np
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(KEY, record_text({**record, "grey_levels": GREY_LEVELS}))
    grey = np.round(np.clip(pattern, 0, 1) * GREY_LEVELS).astype(np.uint16)
    Image.fromarray(grey).save(path, format="PNG", pnginfo=info)


def write_tif(path: Path, patterns: NDArray[np.float32], record: Mapping[str, Any]) -> None:
    """Write patterns as the pages of a TIFF file of float32."""
    from scatterkit.datasets._errors import needed

    tifffile = needed("tifffile", "TIFF files")
    text = json.dumps(record, sort_keys=True, ensure_ascii=True)
    with tifffile.TiffWriter(path) as file:
        for number, pattern in enumerate(patterns):
            file.write(
                pattern,
                photometric="minisblack",
                description=text if number == 0 else None,
                metadata=None,
                software=False,
            )
