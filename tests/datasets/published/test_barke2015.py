"""The measured patterns: where they are looked for, that their content is checked, mask, centre and scale."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from scipy import ndimage

from scatterkit import _places
from scatterkit.datasets import DataNotFoundError, fetch_barke2015
from scatterkit.datasets.published import _locate, barke2015

HOLE = (62.0, 64.5)


def detector_picture(seed: int) -> np.ndarray:
    """A picture as the published ones: round detector within a frame, hole at HOLE, dark minima, 8 bits."""
    y, x = np.mgrid[:128, :128]
    radius = np.hypot(y - HOLE[0], x - HOLE[1])
    grey = 255 * np.exp(-radius / 18) * np.cos(radius / 3 + seed) ** 2
    grey[radius < 8] = 230
    grey *= np.clip(radius - 2, 0, 1) * (radius < 39)  # the hole's rim is half dark
    frame = (y >= 33) & (y <= 93) & (x >= 28) & (x <= 99)
    return np.where(frame, grey, 0).astype(np.uint8)


def write_pictures(folder: Path, numbers: tuple[int, ...]) -> dict[int, str]:
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for number in numbers:
        path = folder / f"barke{number}.png"
        Image.fromarray(detector_picture(number)).save(path)
        hashes[number] = hashlib.sha256(path.read_bytes()).hexdigest()
    return hashes


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No variable, no folder beside the project, an empty cache, stand-ins for the files, no server."""
    monkeypatch.delenv(_locate.VARIABLE, raising=False)
    monkeypatch.setattr(_places, "project_folder", lambda: None)
    cache = tmp_path / "cache"
    monkeypatch.setattr(barke2015, "cache_folder", lambda: cache)
    monkeypatch.setattr(barke2015, "SHA256", write_pictures(tmp_path / "published", tuple(range(1, 9))))
    monkeypatch.setattr(barke2015, "URL", "http://127.0.0.1:9/")  # the discard port: nobody listens
    return cache


@pytest.fixture
def server(alone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """A server on this computer that hands out the stand-in files and notes what was asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(tmp_path / "published"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        thread = threading.Thread(target=host.serve_forever)
        thread.start()
        monkeypatch.setattr(barke2015, "URL", f"http://127.0.0.1:{host.server_port}/")
        yield asked
        host.shutdown()
        thread.join()


@pytest.mark.parametrize("inside", ["", "exp"])
def test_the_variable_names_the_folder(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    write_pictures(tmp_path / "data" / inside, (3, 5))
    monkeypatch.setenv(_locate.VARIABLE, str(tmp_path / "data"))
    found = fetch_barke2015([5, 3])
    assert found.numbers == (5, 3)
    assert found.labels == ("Icosahedron", "Truncated Octahedron")
    assert not alone.exists()


def test_the_folder_beside_the_project(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_places, "project_folder", lambda: tmp_path / "project")
    write_pictures(tmp_path / "shared" / "data" / "scatter2d3d" / "exp", (1,))
    assert fetch_barke2015([1]).numbers == (1,)


def test_available_gives_what_is_there_without_asking(server: list[str], alone: Path) -> None:
    write_pictures(alone, (2, 7))
    assert fetch_barke2015("available").numbers == (2, 7)
    assert server == []


def test_download_is_kept_in_the_cache(server: list[str], alone: Path) -> None:
    write_pictures(alone, (2,))
    assert fetch_barke2015([2, 4]).numbers == (2, 4)
    assert server == ["/barke4.png"]
    assert (alone / "barke4.png").is_file()
    assert fetch_barke2015().numbers == tuple(range(1, 9))
    assert "/barke4.png" not in server[1:]


def test_download_into_data_home(
    server: list[str], alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_barke2015([6], data_home=tmp_path / "home")
    assert (tmp_path / "home" / "barke6.png").is_file()
    assert not alone.exists()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    fetch_barke2015([6], data_home="~/home")
    assert server == ["/barke6.png"]


def test_a_damaged_cached_file_is_downloaded_anew(server: list[str], alone: Path) -> None:
    write_pictures(alone, (1,))
    (alone / "barke1.png").write_bytes(b"half a file")
    assert fetch_barke2015([1]).numbers == (1,)
    assert server == ["/barke1.png"]


def test_a_download_with_other_content_is_refused(
    server: list[str], alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(barke2015.SHA256, 1, "0" * 64)
    with pytest.raises(DataNotFoundError, match=r"barke1\.png") as caught:
        fetch_barke2015([1])
    assert "hash" in str(caught.value.__cause__)
    assert not (alone / "barke1.png").exists()


def test_a_local_file_with_other_content_is_an_error(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "data", (1,))
    monkeypatch.setenv(_locate.VARIABLE, str(tmp_path / "data"))
    monkeypatch.setitem(barke2015.SHA256, 1, "0" * 64)
    with pytest.raises(DataNotFoundError, match=r"barke1\.png is not the published file"):
        fetch_barke2015([1])


@pytest.mark.parametrize("download", [True, False])
def test_offline_says_what_to_do(alone: Path, download: bool) -> None:
    with pytest.raises(DataNotFoundError) as caught:
        fetch_barke2015([5], download=download)
    message = str(caught.value)
    for word in ("barke5.png", barke2015.URL, _locate.VARIABLE, str(alone)):
        assert word in message
    assert isinstance(caught.value, OSError)
    with pytest.raises(DataNotFoundError):
        fetch_barke2015("available")


def test_all_of_them_warns_of_those_missing(alone: Path) -> None:
    write_pictures(alone, (1, 2))
    with pytest.warns(UserWarning, match=r"barke3\.png, barke4\.png"):
        found = fetch_barke2015()
    assert found.numbers == (1, 2)


def test_mask_center_and_turned_picture(alone: Path) -> None:
    write_pictures(alone, (1,))
    found = fetch_barke2015([1])
    # turned by 180 degrees about pixel [64, 64]
    assert_allclose(found.centers, [[128 - HOLE[0], 128 - HOLE[1]]], atol=0.25)
    y, x = np.mgrid[:128, :128]
    radius = np.hypot(y - 128 + HOLE[0], x - 128 + HOLE[1])
    mask = found.masks[0]
    assert not mask[radius < 2.5].any()
    assert not mask[radius >= 39].any()
    assert not mask[(y < 128 - 93) | (y > 128 - 33) | (x < 128 - 99) | (x > 128 - 28)].any()
    ring = (radius > 5) & (radius < 25)
    assert mask[ring].all()  # dark minima included
    assert (found.patterns[0][ring] < 0.02).any()
    grey = detector_picture(1)
    assert found.patterns[0, 64 + 5, 64 + 9] == pytest.approx(
        np.interp(grey[64 - 5, 64 - 9] / 255, barke2015.SCALE_GREY, barke2015.SCALE_LOG)
    )
    assert found.patterns.dtype == np.float32


@pytest.mark.parametrize("patterns", ["some", [], [0], [9], [1, 1], 5, [1.0], [[1]], None])
def test_bad_numbers(alone: Path, patterns: object) -> None:
    with pytest.raises(ValueError, match="The 'patterns' parameter of fetch_barke2015 must be"):
        fetch_barke2015(patterns)


def test_the_published_files(sample_root: Path) -> None:
    found = fetch_barke2015("available", data_home=sample_root)
    assert set(found.numbers) >= {1, 3, 5, 7}
    assert found.patterns.min() == 0
    assert found.patterns.max() == pytest.approx(1, abs=0.05)
    assert np.abs(found.centers - 64).max() < 2.5
    for pattern, mask, center in zip(found.patterns, found.masks, found.centers, strict=True):
        assert 3000 < mask.sum() < 4500
        assert ndimage.label(mask)[1] == 1
        # the only hole in it is the central one
        holes = ndimage.binary_fill_holes(mask) & ~mask
        assert_allclose(ndimage.center_of_mass(holes), center, atol=1)
        assert 15 < holes.sum() < 60
        # nothing bright lies outside, but for the half-covered rim and the hole's
        far = ndimage.distance_transform_edt(~mask) > 3
        assert pattern[far & ~ndimage.binary_dilation(holes, iterations=4)].max() < 0.1
        assert pattern[mask].mean() > 0.1
    # the strongest pattern has a flat top, the star has none
    by_number = dict(zip(found.numbers, found.saturated.sum(axis=(1, 2)), strict=True))
    assert by_number[7] > 50
    assert by_number[5] < 5
