"""Files are replaced whole or not at all; links, devices and missing folders; what is read is not written."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import InputError
from common.writing import keep_inputs, replacing
from support import GOLDEN, TOOLS, error_line, run_tool

LEFTOVER = ".file.0123456789abcdef.tmp"  # of a killed writer of "file"


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
    for name in (256 * "a", 300 * "a", f"{300 * 'a'}/x"):
        assert refusal(Path(name)) == "(file name too long), expected a writable file"
    assert refusal(Path("loop")) == "(too many levels of symbolic links), expected a writable file"
    assert refusal(Path("/proc/none/x")) == "(no such file or directory), expected a writable file"
    assert sorted(os.listdir()) == ["file", "loop"]


def test_what_a_killed_writer_left_is_removed_once_it_is_dead(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from common.writing import replacing\n"
    code += "with replacing(Path('file')) as path: path.write_text('half'); print(flush=True); time.sleep(60)"
    command, environment = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": str(TOOLS)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"\n"
        assert [path.read_text() for path in tmp_path.iterdir()] == ["half"]
        write(tmp_path / "file", "while it lives")
        assert len(os.listdir(tmp_path)) == 2
        writer.send_signal(signal.SIGKILL)
    write(tmp_path / "other")
    assert len(os.listdir(tmp_path)) == 3
    write(tmp_path / "file")
    assert sorted(os.listdir(tmp_path)) == ["file", "other"] and (tmp_path / "file").read_text() == "new"


def test_nothing_but_a_leftover_of_the_same_file_is_removed(tmp_path: Path) -> None:
    kept = [".file.tmp", ".file.1234.tmp", ".file.backupbackupback.tmp", "file.tmp1234", "victim"]
    kept += [LEFTOVER.replace("file", "file2"), LEFTOVER.replace("file", "f.le"), f"{LEFTOVER}~"]
    for name in kept:
        (tmp_path / name).write_text("precious")
    (tmp_path / ".file.1111111111111111.tmp").symlink_to("victim")
    (tmp_path / ".file.2222222222222222.tmp").mkdir()
    os.mkfifo(tmp_path / ".file.3333333333333333.tmp")
    before = sorted(os.listdir(tmp_path))
    (tmp_path / LEFTOVER).touch()
    write(tmp_path / "file")
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "file"])
    assert all((tmp_path / name).read_text() == "precious" for name in kept)


def test_a_link_in_the_place_of_an_earlier_temporary_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / f".file.{os.getpid()}.tmp").symlink_to("victim")
    write(tmp_path / "file")
    assert (tmp_path / "victim").read_text() == "precious" and not (tmp_path / "file").is_symlink()


def test_two_writers_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replacing(path) as first:
        first.write_text("first")
        with replacing(path) as second:
            second.write_text("the second")
        assert path.read_text() == "the second"
    assert path.read_text() == "first" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("name", [255 * "a", 127 * "ä", "b" + 127 * "ä"])
def test_the_longest_names(name: str, tmp_path: Path) -> None:
    with replacing(tmp_path / name) as temporary:
        temporary.write_text("new")
    temporary.touch()  # as a killed writer leaves it
    write(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


def test_a_read_only_file_is_kept(tmp_path: Path) -> None:
    """Even by root, who may write to any."""
    (tmp_path / "file").write_text("precious")
    (tmp_path / "file").chmod(0o444)
    with pytest.raises(InputError) as caught:
        write(tmp_path / "file")
    assert str(caught.value) == f"{tmp_path / 'file'}: is read-only, expected a writable file"
    assert (tmp_path / "file").read_text() == "precious" and os.listdir(tmp_path) == ["file"]


def test_a_pipe_is_written_to_while_it_is_read(tmp_path: Path) -> None:
    """It is refused, without waiting, while it is not."""
    pipe = tmp_path / "pipe.npz"
    os.mkfifo(pipe)
    done = run_tool("convert_model", GOLDEN / "mlp.bin", "pipe.npz", cwd=tmp_path)
    said = "pipe.npz: is a pipe that nobody reads, expected one with a reader"
    assert error_line(done, "convert_model") == said
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write(pipe)
    assert os.read(reader, 9) == b"new"
    os.close(reader)


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
