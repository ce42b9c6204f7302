"""Bodies to mesh files and back."""

import numpy as np
import pytest

from scatterkit.solids import Solid, marks_decahedron


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj", ".glb", ".STL"])
@pytest.mark.parametrize("name", ["truncated_icosahedron", "marks", "sphere"])
def test_round_trip(tmp_path, suffix, name):
    body = marks_decahedron(70) if name == "marks" else Solid.from_catalogue(name, 70).shift((1, 2, 3))
    path = tmp_path / f"my_{name}{suffix}"
    body.to_file(path)
    again = Solid.from_file(path)
    assert again.name == f"my_{name}"
    assert len(again.vertices) == len(body.vertices)
    assert len(again.faces) == len(body.faces)
    mesh = Solid(body.vertices, body.faces)
    assert again.volume == pytest.approx(mesh.volume, rel=1e-5)
    assert again.bounds == pytest.approx(mesh.bounds, abs=1e-4)
    assert again.is_convex == body.is_convex
    if name == "truncated_icosahedron":
        assert len(again.normals) == 32  # rounding to float32 splits no face
        assert again.point_group == "I_h"


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj", ".glb"])
def test_an_open_mesh_is_told(tmp_path, suffix):
    mesh = Solid.from_catalogue("cube", 10).to_trimesh()
    mesh.update_faces(np.arange(12) != 3)
    mesh.export(tmp_path / f"open{suffix}")
    with pytest.raises(ValueError, match=r"'faces' parameter of Solid .*closed surface.* Got 3 open edges"):
        Solid.from_file(tmp_path / f"open{suffix}")


def test_bad_paths(tmp_path):
    cube = Solid.from_catalogue("cube", 10)
    with pytest.raises(ValueError, match=r"'path' parameter of Solid .*\.stl, \.ply, \.obj, \.glb. Got"):
        cube.to_file(tmp_path / "cube.docx")
    with pytest.raises(ValueError, match="'path' parameter of Solid"):
        Solid.from_file(7)
    with pytest.raises(FileNotFoundError, match="no mesh file"):
        Solid.from_file(tmp_path / "none.stl")
    (tmp_path / "text.ply").write_text("this is no mesh")
    with pytest.raises(ValueError, match=r"'path' parameter of Solid must be a .*mesh file"):
        Solid.from_file(tmp_path / "text.ply")


def test_a_name_of_ones_own(tmp_path):
    Solid.from_catalogue("cube", 10).to_file(tmp_path / "a.ply")
    assert Solid.from_file(tmp_path / "a.ply", name="crystal").name == "crystal"
