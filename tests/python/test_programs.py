"""Children: measured, stopped, and what they say when they fail."""

import os
import sys
import time
from pathlib import Path

import pytest

from common.errors import InputError
from common.programs import ChildError, run_child


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_is_measured_and_its_failure_is_one_line() -> None:
    child = run_child("child", python("x = bytearray(b'1' * 300_000_000); print('done')"))
    assert child.stdout == "done\n" and child.seconds > 0 and 300e6 < child.memory < 900e6
    with pytest.raises(ChildError, match=r"^child: exit status 3 \(why\), expected") as failed:
        run_child("child", python("import sys; print('why', file=sys.stderr); sys.exit(3)"))
    assert failed.value.words == "why"
    with pytest.raises(InputError, match="no such file"):
        run_child("child", ["./not-there"])


def test_a_child_is_watched() -> None:
    calls = []
    child = run_child("child", python("import time; time.sleep(0.5); print(1)"), watch=lambda: calls.append(1))
    assert child.stdout == "1\n" and len(calls) >= 3


def test_a_watched_child_is_stopped(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def watch() -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise Enough

    code = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    start = time.monotonic()
    with pytest.raises(Enough):
        run_child("child", python(code), watch=watch)
    assert time.monotonic() - start < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
