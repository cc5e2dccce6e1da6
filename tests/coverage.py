"""Says of each file how many of its lines and branches the tests reach, and which lines none does.

Run:  tools/soak.sh coverage

Reads what `llvm-cov export -format=lcov` writes; a line that is in several instances of a template, or compiled for
several instruction sets, is reached if it is in one of them.
"""

import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def ranges(lines: list[int]) -> str:
    """1, 2, 3, 7 as "1-3, 7"."""
    groups: list[list[int]] = []
    for line in sorted(lines):
        if groups and line == groups[-1][-1] + 1:
            groups[-1].append(line)
        else:
            groups.append([line])
    return ", ".join(str(g[0]) if len(g) == 1 else f"{g[0]}-{g[-1]}" for g in groups)


def main() -> int:
    lines: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))  # times a line ran, by file
    branches: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))  # times a branch was taken, by file
    path = ""
    for record in Path(sys.argv[1]).read_text().splitlines():
        kind, _, text = record.partition(":")
        if kind == "SF":
            path = str(Path(text).resolve().relative_to(ROOT)) if Path(text).resolve().is_relative_to(ROOT) else ""
        elif kind == "DA" and path:
            number, count = text.split(",")[:2]
            lines[path][int(number)] += int(count)
        elif kind == "BRDA" and path:
            place, count = text.rsplit(",", 1)
            branches[path][place] += 0 if count == "-" else int(count)
    print("| file | lines | branches | lines that no test reaches |\n|---|---:|---:|---|")
    counts = [0, 0, 0, 0]
    for path in sorted(path for path in lines if path.startswith(("include/", "src/"))):
        ran = list(lines[path].values()), list(branches[path].values())
        reached = [sum(count > 0 for count in group) for group in ran]
        counts = [a + b for a, b in zip(counts, (reached[0], len(ran[0]), reached[1], len(ran[1])), strict=True)]
        missed = ranges([line for line, count in lines[path].items() if count == 0])
        shares = " | ".join(f"{n}/{len(group)}" for n, group in zip(reached, ran, strict=True))
        if missed or reached[1] < len(ran[1]):
            print(f"| {path} | {shares} | {missed} |")
    print(f"\nlines: {100 * counts[0] / max(1, counts[1]):.1f} % of {counts[1]}, ", end="")
    print(f"branches: {100 * counts[2] / max(1, counts[3]):.1f} % of {counts[3]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
