"""Measures our programs against JAX, PyTorch and plain C on the same work and prints Markdown tables.

Run:  tools/run.sh bench [--peers jax,torch] [--json FILE] [--busy-core] [--one-thread]
      tools/run.sh bench --programs none --peers torch      (networks other than the defaults)
      tools/run.sh bench --against COMMIT                   (this build against that of an older commit)

A round runs each contender once (A B C, A B C, ...), each a process of its own on the same cores, so that
whatever else the machine does falls on all of them; the table has medians over all epochs of all rounds.
Peers start from the same weights and see the same batches as ours, so that losses and accuracy agree.
Start, loading, compilation and testing are not counted. Networks other than the defaults run against PyTorch
on a part of the images, scaled to an epoch; the minimum over all epochs of all rounds counts.
--against builds the commit in build/commits, once, and runs both in turn; the exit status is 1 if a program is slower.
"""

import argparse
import contextlib
import dataclasses
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench_peers import against, install, machine, runs, tables
from bench_peers.runs import Run
from common.errors import InputError, run_tool
from common.options import ROOT, OptionParser, number
from common.programs import check_built
from common.writing import keep_inputs, write_json

EPOCHS = {"mnist_mlp": 10, "mnist_cnn": 3, "mnist_attention_pool": 2, "mlp_simple": runs.XOR_EPOCHS}
NETWORKS = {
    "mlp-2048": "mnist_mlp --hidden 2048,2048 --batch-size 256",
    "heads-4": "mnist_attention_pool --heads 4",
    "heads-8": "mnist_attention_pool --d-model 128 --ff-dim 512 --heads 8 --batch-size 64",
    "cnn-2": 'mnist_cnn --layers "conv 16 3x3, max-pool 2, batch-norm, relu, conv 48 3x3, max-pool 2,'
    ' batch-norm, relu, dense 10" --batch-size 64 --optimizer adam --lr 0.001',
    "cnn-4": 'mnist_cnn --layers "conv 24 3x3, batch-norm, relu, max-pool 2, conv 48 3x3, batch-norm, relu,'
    " conv 48 3x3, batch-norm, relu, max-pool 2, conv 96 3x3, batch-norm, relu, global-avg-pool,"
    ' dense 10" --batch-size 64 --optimizer adam --lr 0.001',
}
NETWORK_EPOCHS = 2  # the first one also warms up
PEERS = {"jax": "JAX", "torch": "PyTorch"}
OURS = "this project"
Contenders = dict[str, Callable[[], Run]]


def main() -> None:
    options = parse_options()
    commands = options.programs + [NETWORKS[name].split()[0] for name in options.networks]
    programs = [options.build_dir / program for program in dict.fromkeys(commands)]
    if options.json:
        keep_inputs(options.json, *programs, options.data_dir)
    for path in programs:
        check_built(path)
    cores = machine.use_cores(options.threads)
    if cores and len(cores) < options.threads:
        raise InputError("--threads", str(options.threads), f"at most {len(cores)}, the cores there are")
    if options.against:
        return run_against(options, list(dict.fromkeys(commands)))
    left_out = find_peers(options)
    with tempfile.TemporaryDirectory() as work:
        report = measure(options, Path(work), left_out)
        if options.busy_core:
            report["busy_core"] = [busy_core(options, program, Path(work), cores) for program in mnist(options)]
        if options.one_thread:
            report["one_thread"] = [one_thread(options, program, Path(work)) for program in mnist(options)]
    print(as_markdown(report))
    if options.json:
        write_json(options.json, report)


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="bench", description=__doc__.splitlines()[0])
    add = parser.add_argument
    programs = f"of {', '.join(EPOCHS)}, or none (default: all)"
    add("--programs", type=names(EPOCHS, none=True), metavar="A,B", help=programs)
    add(
        "--networks",
        type=names(NETWORKS, none=True),
        metavar="A,B",
        help=f"of {', '.join(NETWORKS)}, or none (default: all, or none if --programs names some)",
    )
    add(
        "--images",
        type=number(int, 1, tables.IMAGES),
        default=12_000,
        metavar="N",
        help="training images on which --networks are timed, scaled to an epoch (default: %(default)s)",
    )
    add(
        "--peers",
        type=names(PEERS, none=True),
        metavar="A,B",
        help="jax, torch, both or none; pip installs what is missing (default: those that are installed)",
    )
    add(
        "--against",
        metavar="COMMIT",
        help="compare with the programs of a commit, which is built first, in place of peers",
    )
    add("--rounds", type=number(int, 1), metavar="N", help="default: 3, with --against 9")
    add("--threads", type=number(int, 1), default=2, metavar="N", help="default: %(default)s")
    add("--epochs", type=number(int, 1), metavar="N", help="of each network on MNIST (default: 10, 3, 2)")
    add("--busy-core", action="store_true", help="also measure ours beside a process that keeps a core busy")
    add("--one-thread", action="store_true", help="also measure ours on one thread")
    add("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_data_dir()
    add("--build-dir", type=Path, default=ROOT / "build", metavar="PATH", help="default: build")
    options = parser.parse_args()
    if options.networks is None:
        options.networks = [] if options.programs or options.against else list(NETWORKS)
    if options.programs is None:
        options.programs = list(EPOCHS)
    options.rounds = options.rounds or (9 if options.against else 3)
    if options.against and options.rounds < against.MIN_ROUNDS:
        parser.error(f"--rounds: found {options.rounds}, expected at least {against.MIN_ROUNDS} with --against")
    for name in ("peers", "busy_core", "one_thread"):
        if options.against and getattr(options, name):
            parser.error(f"--{name.replace('_', '-')}: found with --against, expected one of them")
    return options


def names(known: dict[str, object], none: bool = False) -> Callable[[str], list[str]]:
    """An option's type: names from `known`, separated by commas; `none` is a word for no name."""

    def parse(text: str) -> list[str]:
        chosen = [] if none and text == "none" else text.split(",")
        for name in chosen:
            if name not in known:
                expected = f"one or more of {', '.join(known)}"
                raise argparse.ArgumentTypeError(f"found {name!r}, expected {expected}")
        return list(dict.fromkeys(chosen))

    return parse


def mnist(options: argparse.Namespace) -> list[str]:
    return [program for program in options.programs if program != "mlp_simple"]


def find_peers(options: argparse.Namespace) -> dict[str, str]:
    """Fill in options.peers with those that can be used; says which are left out, and why."""
    if not mnist(options) and not options.networks:
        options.peers = []
    asked = options.peers is not None
    reasons = {name: install.install(name) if asked else install.missing(name)
               for name in (options.peers if asked else PEERS)}  # fmt: skip
    left_out = {name: reason for name, reason in reasons.items() if reason}
    for name, reason in left_out.items():
        hint = "" if asked else f" (--peers {name} installs it)"
        say(f"{PEERS[name]} is left out: {reason}{hint}")
    options.peers = [name for name in reasons if name not in left_out]
    return left_out


def ours(options: argparse.Namespace, name: str, work: Path) -> Callable[[], Run]:
    """A run of our program, or of one of NETWORKS, which writes its model into `work`."""
    if name == "mlp_simple":
        return lambda: runs.run_our_xor(options.build_dir / name)
    program, *chosen = shlex.split(NETWORKS.get(name, name))
    if name in NETWORKS:
        chosen += ["--epochs", str(NETWORK_EPOCHS), "--train-limit", str(options.images)]
    else:
        chosen += ["--epochs", str(epochs_of(options, name))]
    how = (options.threads, options.data_dir)
    return lambda: runs.run_ours(options.build_dir / program, chosen, model_path(work, name), *how)


def model_path(work: Path, name: str) -> Path:
    return work / f"{name}.safetensors"


def contenders(options: argparse.Namespace, name: str, work: Path) -> Contenders:
    """Who runs a program or a network. Ours is first: peers read from its model what to train, and how."""
    found: Contenders = {OURS: ours(options, name, work)}
    if name == "mlp_simple":
        try:
            plain = runs.compile_plain_xor(work)
            found["plain C"] = lambda: runs.run_plain_xor(plain)
        except InputError as error:
            say(f"plain C is left out: {error}")
        return found
    for peer in options.peers:
        if name not in NETWORKS or peer == "torch":
            how = (model_path(work, name), options.threads, options.data_dir)
            found[PEERS[peer]] = lambda peer=peer, how=how: runs.run_peer(peer, *how)
    return found


def epochs_of(options: argparse.Namespace, program: str) -> int:
    return EPOCHS[program] if program == "mlp_simple" else options.epochs or EPOCHS[program]


def measure(options: argparse.Namespace, work: Path, left_out: dict[str, str]) -> dict[str, object]:
    """All rounds of everything, as the report that --json writes."""
    lists = {name: contenders(options, name, work) for name in options.programs + options.networks}
    done: dict[str, dict[str, list[Run]]] = {p: {name: [] for name in found} for p, found in lists.items()}
    peaks = []
    for i in range(options.rounds):
        peaks.append(machine.sgemm_peak(options.threads))
        for program, found in lists.items():
            for name, run in found.items():
                done[program][name].append(run())
                seconds = tables.significant(tables.median(done[program][name][-1:]))
                say(f"round {i + 1} of {options.rounds}: {program}: {name}: {seconds} s")
    peak, how = max((p for p in peaks if p), default=(None, "not measured: numpy is missing"))
    results = [result for program in options.programs for result in tables.summarize(
        program, epochs_of(options, program), done[program], peak, runs.own_memory())]  # fmt: skip
    networks = [tables.compare_networks(
        NETWORKS[name], options.images, done[name][OURS], done[name].get(PEERS["torch"], []))
        for name in options.networks]  # fmt: skip
    return {
        "machine": machine.describe(), "threads": options.threads, "rounds": options.rounds,
        "peak_gflops": peak, "peak_how": how, "left_out": left_out, "results": results,
        "networks": networks,
    }  # fmt: skip


def run_against(options: argparse.Namespace, programs: list[str]) -> None:
    """Compare with an older commit, in rounds of which every other one begins with the older program."""
    commit = against.find_commit(options.against)
    folder = options.build_dir / "commits" / commit[:12]
    older = argparse.Namespace(**vars(options) | {"build_dir": against.build(commit, folder, programs)})
    order = [older, options]
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in options.programs + options.networks}
    with tempfile.TemporaryDirectory() as work:
        for i in range(options.rounds):
            order.reverse()
            for name, rounds in seconds.items():
                run = {id(build): tables.median([ours(build, name, Path(work))()]) for build in order}
                rounds.append((run[id(older)], run[id(options)]))
                before, now = map(tables.significant, rounds[-1])
                say(f"round {i + 1} of {options.rounds}: {name}: {before} s at {commit[:7]}, {now} s now")
    changes = [against.compare(name, rounds) for name, rounds in seconds.items()]
    print(f"{machine_text(machine.describe(), options.threads, options.rounds)}\n{against.RULE}\n")
    print(against.table(commit, changes))
    if options.json:
        write_json(options.json, {
            "machine": machine.describe(), "threads": options.threads, "rounds": options.rounds,
            "commit": commit, "changes": [dataclasses.asdict(change) for change in changes],
        })  # fmt: skip
    against.check_none_slower(commit, changes)


def busy_core(options: argparse.Namespace, program: str, work: Path, cores: list[int]) -> tables.Comparison:
    """Our program alone and beside a process that never rests on the last of its cores, in turn."""
    quiet, busy = [], []
    for _ in range(options.rounds):
        quiet.append(train(options, program, work, options.threads))
        with endless_process(cores):
            busy.append(train(options, program, work, options.threads))
    return tables.compare(program, quiet, busy)


def one_thread(options: argparse.Namespace, program: str, work: Path) -> tables.Comparison:
    """Our program on all its threads and on one, in turn."""
    all_threads, single = [], []
    for _ in range(options.rounds):
        all_threads.append(train(options, program, work, options.threads))
        single.append(train(options, program, work, 1))
    return tables.compare(program, all_threads, single)


def train(options: argparse.Namespace, program: str, work: Path, threads: int) -> Run:
    return ours(argparse.Namespace(**vars(options) | {"threads": threads}), program, work)()


@contextlib.contextmanager
def endless_process(cores: list[int]) -> Iterator[None]:
    """Keeps a core busy: the last of `cores`, or one of the system's choice if it cannot bind."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            if cores:
                os.sched_setaffinity(process.pid, cores[-1:])
            yield
        finally:
            process.kill()


def machine_text(m: dict[str, str | int], threads: int, rounds: int) -> str:
    return (
        f"Machine: {m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB; {m['system']}; {m['compiler']}.\n"
        f"Threads: {threads}. Rounds in turn: {rounds}, medians. {m['date']}."
    )


def as_markdown(report: dict[str, object]) -> str:
    """The report as the README shows it."""
    m, threads = report["machine"], report["threads"]
    peak = "" if report["peak_gflops"] is None else f"{report['peak_gflops']:.0f} GFLOP/s, "
    parts = [
        f"{machine_text(m, threads, report['rounds'])}\nsgemm peak: {peak}{report['peak_how']}.",
    ]
    if results := report["results"]:
        parts.append(tables.results_table(results))
    if networks := report["networks"]:
        images, epochs = networks[0].images, NETWORK_EPOCHS * report["rounds"]
        parts.append(
            f"Seconds per epoch of {tables.IMAGES:,} images, scaled from {images:,}: the minimum of"
            f" {epochs} epochs, {m['cpu']}, {threads} threads:"
        )
        parts.append(tables.networks_table(networks))
    if busy := report.get("busy_core"):
        parts.append(tables.comparison_table(("alone", "one core busy", "slowdown"), busy))
    if single := report.get("one_thread"):
        parts.append(tables.comparison_table((f"{threads} threads", "1 thread", "gain"), single))
    return "\n\n".join(parts)


def say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run_tool("bench", main))
