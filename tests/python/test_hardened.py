"""That programs and tools can do less than an attacker would need: how they are linked, what they call and import."""

import ast
import subprocess
from pathlib import Path

import pytest

from support import BUILD, MNIST_PROGRAMS, TOOLS

BINARIES = [*MNIST_PROGRAMS, "mlp_simple"]
NETWORK = {"socket", "ssl", "urllib", "http", "requests", "ftplib", "smtplib", "xmlrpc"}
CODE_AS_DATA = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
SOURCES = sorted(TOOLS.rglob("*.py"))


def readelf(what: str, binary: str) -> str:
    command = ["readelf", "--wide", what, BUILD / binary]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("binary", BINARIES)
def test_programs_are_hardened(binary: str) -> None:
    segments, dynamic = readelf("--program-headers", binary), readelf("--dynamic", binary)
    assert "DYN (Position-Independent Executable file)" in segments  # an address of its own at every start
    assert "GNU_RELRO" in segments and "BIND_NOW" in dynamic  # pointers to functions are read-only
    stack = next(line for line in segments.splitlines() if "GNU_STACK" in line)
    assert " RW " in stack  # and cannot be executed
    symbols = readelf("--dyn-syms", binary)
    assert "__stack_chk_fail" in symbols and "_chk@" in symbols.replace("__stack_chk_fail", "")  # FORTIFY


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("binary", BINARIES)
def test_programs_have_no_network(binary: str) -> None:
    symbols = {
        line.split()[7].split("@")[0]
        for line in readelf("--dyn-syms", binary).splitlines()
        if " UND " in line and len(line.split()) > 7
    }
    assert "write" in symbols and not symbols & {"socket", "connect", "bind", "getaddrinfo", "popen", "system"}


def imports(tree: ast.AST) -> set[str]:
    """Modules by the first part of their name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(TOOLS)))
def test_tools_run_no_code_from_files_and_have_no_network(source: Path) -> None:
    tree = ast.parse(source.read_text())
    assert not imports(tree) & CODE_AS_DATA
    assert source == TOOLS / "web.py" or not imports(tree) & NETWORK  # it serves its page on localhost
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        assert not (isinstance(call.func, ast.Name) and call.func.id in ("eval", "exec", "compile"))
        for keyword in call.keywords:
            name, value = keyword.arg, keyword.value
            assert not (name in ("allow_pickle", "shell") and isinstance(value, ast.Constant) and value.value)
