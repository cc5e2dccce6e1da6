"""Files are replaced whole or not at all; links, devices and missing folders; what is read is not written."""

import os
import stat
from pathlib import Path

import pytest

from common.errors import InputError
from common.writing import keep_inputs, replacing


def write(path: Path, text: str = "new") -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)


def refusal(path: Path) -> str:
    """What replacing says of `path`, after its name."""
    with pytest.raises(InputError) as caught:
        write(path)
    assert str(caught.value).startswith(f"{path}: cannot be written (")
    return str(caught.value).removeprefix(f"{path}: cannot be written ")


def test_a_file_keeps_its_mode_and_a_new_one_gets_its_folders(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("old")
    old.chmod(0o640)
    write(old)
    assert old.read_text() == "new" and stat.S_IMODE(old.stat().st_mode) == 0o640
    write(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").read_text() == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "c", "old"]


def test_nothing_has_happened_if_the_body_fails(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "old") as temporary:
        temporary.write_text(f"half of it {1 / 0}")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old", "old")]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(there: bool, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    if there:
        target.write_text("old")
    link.symlink_to("folder/target")
    write(link)
    assert link.is_symlink() and target.read_text() == "new" and not target.is_symlink()


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    """A link to a device, so that a mistake in the code under test replaces the link and not /dev/null."""
    (tmp_path / "null").symlink_to("/dev/null")
    write(tmp_path / "null")
    assert os.path.realpath(tmp_path / "null") == "/dev/null" and Path("/dev/null").is_char_device()
    assert [path.name for path in tmp_path.iterdir()] == ["null"]
    reader, writer = os.pipe()
    write(Path(f"/dev/fd/{writer}"))
    assert os.read(reader, 9) == b"new"
    os.close(reader)
    os.close(writer)
    (tmp_path / "full").symlink_to("/dev/full")
    assert refusal(tmp_path / "full") == "(no space left on device), expected a writable file"


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("loop").symlink_to("loop")
    for name in ("", ".", "..", "/"):
        assert refusal(Path(name)) == "(is a directory), expected a writable file"
    for name in ("file/x", "file/x/y"):
        assert refusal(Path(name)) == "(not a directory), expected a writable file"
    for name in (248 * "a", 300 * "a", f"{300 * 'a'}/x"):
        assert refusal(Path(name)) == "(file name too long), expected a writable file"
    assert refusal(Path("loop")) == "(too many levels of symbolic links), expected a writable file"
    assert refusal(Path("/proc/none/x")) == "(no such file or directory), expected a writable file"
    assert sorted(os.listdir()) == ["file", "loop"]


def test_inputs_are_kept(tmp_path: Path) -> None:
    """By any name; in a folder the IDX files count, and nothing else."""
    model, labels, notes = (tmp_path / name for name in ("model", "t10k-labels-idx1-ubyte.gz", "notes"))
    for path in (model, labels, notes):
        path.touch()
    (tmp_path / "link").symlink_to("model")
    for output in (model, tmp_path / "link", labels):
        with pytest.raises(InputError) as caught:
            keep_inputs(output, model, tmp_path)
        assert str(caught.value) == (
            f"{output}: is read, too, and would be lost, expected another file to write to"
        )
    keep_inputs(notes, model, tmp_path, tmp_path / "none")
    keep_inputs(tmp_path / "none", model, tmp_path, tmp_path / "none")
