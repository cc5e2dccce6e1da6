"""That programs and tools can do less than an attacker would need: how they are linked, what they call and import.

No program has a network, but for mpirun's processes by libnn_mpi.so; no Python file makes code of data; what is
installed from elsewhere is known by its hash.
"""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from support import BUILD, MNIST_PROGRAMS, ROOT

BINARIES = [*MNIST_PROGRAMS, "mlp_simple"]
NO_NETWORK = [*BINARIES, "libnn_recognizer.so"]
SYSTEM_CALLS = {
    *("socket", "connect", "bind", "listen", "accept", "send", "sendto", "sendmsg", "recv", "recvfrom", "recvmsg"),
    *("getaddrinfo", "gethostbyname", "popen", "system", "execl", "execlp", "execv", "execve", "execvp", "posix_spawn"),
}
# What they are linked with: none of these has a network. OpenBLAS, and MPI with mpirun, are loaded by name.
LIBRARIES = re.compile(
    r"(libc|libm|libz|libdeflate|libpng16|libjpeg|libhwy|libstdc\+\+|libgcc_s|ld-linux-[-\w]+)\.so\.\d+"
)

SOURCES = [path for folder in ("tools", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
CODE_AS_DATA = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "importlib", "runpy", "code"}
NETWORK = {
    *("socket", "ssl", "urllib", "urllib3", "http", "requests", "httpx", "aiohttp", "asyncio", "socketserver"),
    *(
        "ftplib",
        "smtplib",
        "poplib",
        "imaplib",
        "telnetlib",
        "xmlrpc",
        "webbrowser",
        "sqlalchemy",
        "psycopg",
        "selenium",
    ),
}
MAY_USE_A_NETWORK = {
    "tools/web.py": {"http", "webbrowser"},  # serves its page on localhost, and opens it
    "tools/sweep.py": {"sqlalchemy"},  # --storage may be the URL of a database
    "tools/sweeping/study.py": {"sqlalchemy"},
}
MAY_RUN_CODE = {
    "tests/python/test_import.py": "the recipe in tools/README.md",
    "tests/python/test_errors.py": "a shell",
}
LISTS = [path for folder in (".", "tools", "tests/python") for path in sorted((ROOT / folder).glob("requirements*.in"))]


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
@pytest.mark.parametrize("binary", NO_NETWORK)
def test_programs_have_no_network(binary: str) -> None:
    symbols = {
        line.split()[7].split("@")[0]
        for line in readelf("--dyn-syms", binary).splitlines()
        if " UND " in line and len(line.split()) > 7
    }
    assert "write" in symbols and not symbols & SYSTEM_CALLS
    libraries = re.findall(r"NEEDED.*\[(.*)\]", readelf("--dynamic", binary))
    assert libraries and all(LIBRARIES.fullmatch(library) for library in libraries), libraries


def imports(tree: ast.AST) -> set[str]:
    """Modules by the first part of their name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def runs_code(call: ast.Call) -> bool:
    """Whether it makes code of a text, or loads objects that may be code."""
    name = ast.unparse(call.func)
    if name in ("eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load"):
        return True
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    return any(
        name in given and not (isinstance(given[name], ast.Constant) and given[name].value is False)
        for name in ("allow_pickle", "shell")
    )


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_files_run_no_code_from_data_and_have_no_network(source: Path) -> None:
    tree, name = ast.parse(source.read_text()), str(source.relative_to(ROOT))
    assert not imports(tree) & CODE_AS_DATA
    if source.is_relative_to(ROOT / "tools"):
        assert imports(tree) & NETWORK == MAY_USE_A_NETWORK.get(name, set())
    calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call) and runs_code(node)]
    assert len(calls) == (name in MAY_RUN_CODE), calls


@pytest.mark.parametrize("text", [
    "eval(text)", "exec(text, {})", "os.system(text)", "np.load(path, allow_pickle=True)", "run(text, shell=shell)",
])  # fmt: skip
def test_what_runs_code_is_seen(text: str) -> None:
    assert runs_code(ast.parse(text, mode="eval").body)
    assert not runs_code(ast.parse("np.load(path, allow_pickle=False)", mode="eval").body)


@pytest.mark.parametrize("wanted", LISTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_packages_are_known_by_version_and_hash(wanted: Path) -> None:
    """What is wanted is locked, and nothing is without a hash, is an option, or comes from a certain host."""
    locked = wanted.with_suffix(".txt").read_text()
    entries = re.sub(r"^#.*\n", "", locked, flags=re.MULTILINE).replace("\\\n", "").splitlines()
    names = set()
    for entry in entries:
        matched = re.fullmatch(r"([a-z0-9-]+)==[\w.]+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry)
        assert matched, entry
        names.add(matched[1])
    for line in wanted.read_text().splitlines():
        if not line.startswith("#"):
            assert re.match(r"[\w-]+", line)[0].lower() in names
    assert "://" not in locked + wanted.read_text()
