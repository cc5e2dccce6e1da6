"""The library in a project of one's own, as the README says: found where it is installed, or as a part of it."""

import re
import subprocess
from pathlib import Path

import pytest

from support import BUILD, DATA, ROOT

PROJECT = """
cmake_minimum_required(VERSION 3.22)
project(mine LANGUAGES CXX)
{use}
foreach(program mine layer)
  add_executable(${{program}} ${{program}}.cpp)
  target_link_libraries(${{program}} PRIVATE nn::nn)
endforeach()
"""


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done
    return done.stdout


def project(folder: Path, use: str) -> Path:
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(PROJECT.format(use=use))
    example = (ROOT / "README.md").read_text().split("```cpp\n")[-1].split("```")[0]
    (folder / "mine.cpp").write_text(example)
    (folder / "layer.cpp").write_bytes((ROOT / "tests" / "example_layer.cpp").read_bytes())
    return folder


@pytest.mark.usefixtures("build")
def test_installed_it_is_found(tmp_path: Path) -> None:
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "prefix", cwd=tmp_path)
    mine = project(tmp_path / "mine", "find_package(nn 1.0 REQUIRED)")
    run("cmake", "-S", mine, "-B", mine / "build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}", cwd=tmp_path)
    run("cmake", "--build", mine / "build", cwd=tmp_path)
    said = run(mine / "build" / "mine", DATA, cwd=tmp_path)
    assert float(re.fullmatch(r"test accuracy: ([\d.]+) %\n", said)[1]) > 95
    evaluated = run(BUILD / "mnist_mlp", "evaluate", "example.safetensors", "--data-dir", DATA, cwd=tmp_path)
    assert said.split()[2] in evaluated
    said = run(mine / "build" / "layer", DATA, cwd=tmp_path)  # one that ours do not know
    assert re.fullmatch(r"the resumed run has the same weights\ntest accuracy: 9[45][.\d]+ % of dense 64, swish, .*\n", said)
    for arguments, found in [([], "data"), ([tmp_path / "none"], str(tmp_path / "none"))]:
        done = subprocess.run([mine / "build" / "mine", *arguments], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and found in done.stderr


def test_as_a_part_it_brings_the_library_only(tmp_path: Path) -> None:
    mine = project(tmp_path / "mine", f'add_subdirectory("{ROOT}" nn)')
    run("cmake", "-S", mine, "-B", mine / "build", cwd=tmp_path)
    targets = run("cmake", "--build", mine / "build", "--target", "help", cwd=tmp_path)
    assert "... nn\n" in targets and "mnist_mlp" not in targets and "unit_tests" not in targets


def test_the_readme_has_the_c_example_that_is_compiled() -> None:
    example = (ROOT / "README.md").read_text().split("```c\n")[1].split("```")[0]
    assert example == (ROOT / "tests" / "example_recognizer.c").read_text()
