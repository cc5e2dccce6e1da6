"""The reader of class names, and everything that can be wrong."""

from pathlib import Path

import pytest

from common.class_names import read_class_names
from common.errors import InputError

EXPECTED = "expected the name of a class, each once, one a line"


def test_names(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(b"\xef\xbb\xbfT-shirt/top\r\n  Ankle boot \r\n\xc3\x86\r\n\r\n")
    assert read_class_names(path, 3) == ["T-shirt/top", "Ankle boot", "Æ"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\n\nb\n", f"line 2 is empty, {EXPECTED}"),
        (b"a\nb\na\n", f"line 3 has a again, {EXPECTED}"),
        (b"a\nb\x1b[2J\nc\n", f"line 2 holds control characters, {EXPECTED}"),
        (b"a\nb\rc\nd\n", f"line 2 holds control characters, {EXPECTED}"),
        (b"a\x0cb\n", f"line 1 holds control characters, {EXPECTED}"),
        (b"a\nb\n", "2 names, expected 3, one for each class"),
        (b"", "0 names, expected 3, one for each class"),
        (b"\xff\xfe\x00", "not text, expected one class name per line"),
        (None, "no such file or directory, expected one class name per line"),
    ],
)
def test_bad_names(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_class_names(path, 3)
    assert str(caught.value) == f"{path}: {said}"
