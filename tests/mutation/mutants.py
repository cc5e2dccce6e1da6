"""Puts faults of a single line into a copy of the project, and counts those that the tests notice.

Run:  tools/soak.sh mutants [FAULTS]

All faults are compiled at once: `a + b` becomes `(nn_mutant == 7 ? a - b : a + b)`, and the environment variable
NN_MUTANT says which one holds, so that a single build serves them all. A fault is caught if a unit test fails or does
not end; those that get away meet the sanitizers and then the tests of the programs. Status 1 if more than one in twenty
get away from all.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AREAS = {  # as many faults of each
    "kernels": ["src/kernels/*.cpp"],
    "layers": ["include/nn/layers/*.hpp", "include/nn/fusions/*.hpp", "include/nn/core/*.hpp"],
    "readers": [
        "include/nn/data/*.hpp",
        "include/nn/files/*.hpp",
        *(f"src/nn/{name}.cpp" for name in ("bin_files", "model_files", "network_text", "older_files", "safetensors")),
    ],
    "training": ["include/nn/training/*.hpp", *(f"src/nn/{name}.cpp" for name in ("train", "optimizer", "checkpoint"))],
}
PROGRAM_TESTS = (
    "test_programs test_parity test_training test_resume test_run_files test_bad_data test_safetensors_models "
    "test_options"
)

OPERAND = r"[A-Za-z_][\w.]*(?:::\w+|->\w+)*(?:\([\w., ]*\)|\[[\w., ]*\])*|\d[\w.]*"
ARITHMETIC = re.compile(rf"(?:(?<=[(\[=,])|(?<=return))(\s*)((?:{OPERAND}) ([-+*/]) (?:{OPERAND}))(?=[;)\],])")
COMPARISON = re.compile(rf"(?<=[(;&|])(\s*)((?:{OPERAND}) (<|>|<=|>=|==|!=) (?:{OPERAND}))(?=\)|;| &&| \|\|)")
VECTOR = re.compile(r"hn::(Add|Sub|Mul|Max|Min|MulAdd|NegMulAdd)\(")
CALL = re.compile(rf"^(\s+)((?:{OPERAND.split('(?:::')[0]}|\w+)(?:(?:\.|->)\w+)*\(.*\);)$")
UPDATE = re.compile(r"^(\s+)([\w.\[\]\->]+) (\+=|-=) (.+);$")
OTHER = {"+": "-", "-": "+", "*": "/", "/": "*", "<": "<=", ">": ">=", "<=": "<", ">=": ">", "==": "!=", "!=": "=="}
OTHER_VECTOR = {"Add": "Sub", "Sub": "Add", "Mul": "Add", "Max": "Min", "Min": "Max"}
OTHER_VECTOR |= {"MulAdd": "NegMulAdd", "NegMulAdd": "MulAdd"}
NO_CALLS = ("return", "if", "for", "while", "switch")
# What cannot depend on a variable, or is no code that runs.
LEFT_OUT = re.compile(
    r"constexpr|static_assert|template|\bcase\b|^\s*#|using |assert\(|throw|Error|\"|operator|//|<<|::value"
)


@dataclass(frozen=True)
class Fault:
    """A line of a file, and what it becomes with NUMBER in place of the fault's number."""

    area: str
    path: str
    line: int  # from 1
    before: str
    after: str
    what: str


def faults_of(area: str, path: str, number: int, text: str) -> Iterator[Fault]:
    def fault(start: int, end: int, wrong: str) -> Fault:
        right = text[start:end]
        after = f"{text[:start]}(nn_mutant == NUMBER ? {wrong} : {right}){text[end:]}"
        return Fault(area, path, number, text, after, f"`{right}` → `{wrong}`")

    if LEFT_OUT.search(text):
        return
    for pattern in (ARITHMETIC, COMPARISON):
        for match in pattern.finditer(text):
            operator = match.start(3), match.end(3)
            wrong = text[match.start(2) : operator[0]] + OTHER[match[3]] + text[operator[1] : match.end(2)]
            yield fault(match.start(2), match.end(2), wrong)
    for match in VECTOR.finditer(text):
        end, depth = match.end(), 1
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if depth == 0:
            arguments = text[match.end() : end]
            yield fault(match.start(), end, f"hn::{OTHER_VECTOR[match[1]]}({arguments}")
    if match := UPDATE.match(text):
        indent, left, operator, right = match.groups()
        wrong = f"{left} {OTHER[operator[0]]}= {right};"
        after = f"{indent}{{ if (nn_mutant == NUMBER) {wrong} else {text.strip()} }}"
        yield Fault(area, path, number, text, after, f"`{text.strip()}` → `{wrong}`")
    elif match := CALL.match(text):
        indent, call = match.groups()
        if call.count("(") == call.count(")") and not call.startswith(NO_CALLS) and not call[0].isupper():
            after = f"{indent}{{ if (nn_mutant != NUMBER) {call} }}"
            yield Fault(area, path, number, text, after, f"`{call}` left out")


def candidates(seed: int) -> dict[str, list[Fault]]:
    """Of each area, in an order by chance, one of a file after the other."""
    chance = random.Random(seed)
    found = {}
    for area, patterns in AREAS.items():
        files: list[list[Fault]] = []
        for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
            name = str(path.relative_to(ROOT))
            lines = enumerate(path.read_text().splitlines(), 1)
            of_file = [fault for number, text in lines for fault in faults_of(area, name, number, text)]
            chance.shuffle(of_file)
            files.append(of_file)
        chance.shuffle(files)
        found[area] = [
            fault for turn in range(max(map(len, files))) for faults in files for fault in faults[turn : turn + 1]
        ]
    return found


def write_copy(folder: Path, faults: list[Fault]) -> None:
    """The project with all faults, numbered from 1; a file that stays the same keeps its time."""
    texts: dict[str, list[str]] = {}
    for number, fault in enumerate(faults, 1):
        lines = texts.setdefault(fault.path, (ROOT / fault.path).read_text().splitlines())
        lines[fault.line - 1] = fault.after.replace("NUMBER", str(number))
    for name in ("CMakeLists.txt", "include", "src", "tests", "tools/pictures", "tools/cpp"):
        for path in [ROOT / name, *(ROOT / name).rglob("*")]:
            if not path.is_file():
                continue
            relative = str(path.relative_to(ROOT))
            text = ("\n".join(texts[relative]) + "\n").encode() if relative in texts else path.read_bytes()
            copy = folder / relative
            if not copy.exists() or copy.read_bytes() != text:
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(text)
    header = '#include <cstdlib>\ninline const int nn_mutant = std::getenv("NN_MUTANT") ? '
    header += 'std::atoi(std::getenv("NN_MUTANT")) : 0;\n'
    if not (folder / "mutant.hpp").exists():
        (folder / "mutant.hpp").write_text(header)
        (folder / "data").symlink_to(ROOT / "data")


RELEASE = ["-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG"]
SANITIZED = [
    "-DCMAKE_BUILD_TYPE=Debug",
    "-DCMAKE_CXX_FLAGS_DEBUG=-O0",
    "-DCMAKE_CXX_COMPILER=clang++",
    "-DNN_SANITIZE=ON",
]


def build(folder: Path, name: str, options: list[str]) -> str:
    """What the compiler says; empty if all is well."""
    configure = ["cmake", "-S", folder, "-B", folder / name, "-DNN_BUILD_TESTS=ON", *options]
    subprocess.run(
        [*configure, f"-DCMAKE_CXX_FLAGS=-include {folder / 'mutant.hpp'} -w"], check=True, stdout=subprocess.DEVNULL
    )
    target = [] if options == RELEASE else ["--target", "unit_tests"]
    command = ["cmake", "--build", folder / name, *target, "--parallel", str(os.cpu_count()), "--", "-k"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout if done.returncode else ""


def compiled(folder: Path, wanted: int, seed: int) -> list[Fault]:
    """As many faults as wanted that the compiler takes, in a build that has them."""
    waiting = candidates(seed)
    share = -(-wanted // len(waiting))
    chosen: list[Fault] = []
    while True:
        for area, faults in waiting.items():
            while sum(fault.area == area for fault in chosen) < min(share, wanted) and faults:
                fault = faults.pop(0)
                if not any((fault.path, fault.line) == (other.path, other.line) for other in chosen):
                    chosen.append(fault)
        chosen = chosen[:wanted]
        write_copy(folder, chosen)
        errors = build(folder, "build", RELEASE)
        if not errors:
            return chosen
        refused = set()  # the fault on the line of an error, or the last one before it
        for path, line in set(re.findall(r"([\w/]+\.[ch]pp):(\d+):\d+: error", errors)):
            before = [fault for fault in chosen if path.endswith(fault.path) and fault.line <= int(line)]
            refused |= {fault for fault in before if fault.line == max(other.line for other in before)}
        if not refused:
            sys.exit(f"mutants: the copy does not compile:\n{errors[-3000:]}")
        chosen = [fault for fault in chosen if fault not in refused]


def unit_test(build_folder: Path, number: int) -> str:
    """The first unit test that fails with a fault; empty if none does."""
    command = ["ctest", "--test-dir", build_folder, "--stop-on-failure", "--timeout", "120"]
    command += ["--parallel", str(os.cpu_count())]
    environment = {**os.environ, "NN_MUTANT": str(number)}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=False
    )
    failed = re.search(r"Test +#\d+: (\S+) .*(?:Failed|Timeout|Exception|Subprocess)", done.stdout)
    if done.returncode and not failed:
        sys.exit(f"mutants: ctest says\n{done.stdout[-2000:]}")
    return failed[1] if failed else ""


def program_test(folder: Path, number: int) -> str:
    """The same of the tests of the programs."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    command += [f"tests/python/{name}.py" for name in PROGRAM_TESTS.split()]
    environment = {**os.environ, "NN_MUTANT": str(number), "NN_BUILD_DIR": str(folder / "build")}
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    failed = re.search(r"(?:FAILED|ERROR) tests/python/(\S+)", done.stdout)
    if done.returncode and not failed:
        sys.exit(f"mutants: pytest says\n{done.stdout[-2000:]}")
    return failed[1] if failed else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1, help="which faults")
    parser.add_argument("--folder", type=Path, default=ROOT / "build-mutants")
    options = parser.parse_args()
    folder = options.folder.resolve()
    shutil.rmtree(folder / "tests", ignore_errors=True)  # none that is gone
    faults = compiled(folder, options.faults, options.seed)
    if failed := unit_test(folder / "build", 0) or program_test(folder, 0):
        sys.exit(f"mutants: without any fault, {failed} fails")
    if errors := build(folder, "build-sanitize", SANITIZED):
        sys.exit(f"mutants: the copy does not compile with sanitizers:\n{errors[-3000:]}")
    print("| fault | at | caught by |\n|---|---|---|", flush=True)
    missed = 0
    for number, fault in enumerate(faults, 1):
        caught = unit_test(folder / "build", number)
        if not caught and (failed := unit_test(folder / "build-sanitize", number)):
            caught = f"{failed}, with sanitizers"
        caught = caught or program_test(folder, number)
        missed += not caught
        print(
            f"| {fault.what.replace('|', chr(92) + '|')} | {fault.path}:{fault.line} | {caught or '**nothing**'} |",
            flush=True,
        )
    print(f"\n{len(faults) - missed} of {len(faults)} caught")
    return int(missed > len(faults) / 20)


if __name__ == "__main__":
    sys.exit(main())
