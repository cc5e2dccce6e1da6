"""tools/bench.py: its numbers, its table, its options, the plain C loop, and a whole run with a stand-in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import bench  # noqa: E402
from bench_peers import against, install, machine, peer, runs, tables  # noqa: E402
from common.errors import InputError  # noqa: E402
from models import logits  # noqa: E402
from models.old_networks import attention_pool  # noqa: E402
from networks import OTHER_NETWORKS, random_images, random_model  # noqa: E402
from support import error_line, run_tool  # noqa: E402

LOG_HEADER = "# epoch,loss,seconds,val_loss,val_accuracy,test_accuracy,learning_rate\n"
STAND_IN = f"""#!/usr/bin/env python3
import argparse, pathlib
p = argparse.ArgumentParser()
for name in ("--epochs", "--threads", "--data-dir", "--output", "--log"):
    p.add_argument(name)
p.add_argument("--quiet", action="store_true")
a, other = p.parse_known_args()
pathlib.Path(a.output).write_text(" ".join(other))
rows = [f"{{e}},{{1 / e}},0.25,nan,nan,nan,0.01" for e in range(1, int(a.epochs) + 1)]
pathlib.Path(a.log).write_text({LOG_HEADER!r} + "\\n".join(rows) + "\\n")
print("test accuracy: 94.25 % (9425 of 10000), loss 0.2")
"""
TORCH_STAND_IN = """
import json, pathlib, sys
model = pathlib.Path(sys.argv[1]).read_text()
report = {"version": "PyTorch 2.0", "seconds": [0.5, 0.75], "losses": [len(model)], "test_accuracy": 94.25}
print(json.dumps(report))
"""


def a_run(*seconds: float, memory: int = 60_000_000, version: str = "") -> runs.Run:
    return runs.Run(version, list(seconds), 1.0, memory, [0.5], 94.25)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build folder with an mnist_mlp that says 0.25 s per epoch; this process is not bound to cores."""
    program = tmp_path / "build" / "mnist_mlp"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setattr(machine, "use_cores", lambda threads: list(range(threads)))
    monkeypatch.setattr(machine, "sgemm_peak", lambda threads: (200.0, "as a test says"))
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: None, raising=False)
    return program.parent


def run_bench(monkeypatch: pytest.MonkeyPatch, *options: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, options)])
    bench.main()


@pytest.mark.parametrize(
    ("program", "gflop"), [("mnist_mlp", 98.2), ("mnist_cnn", 19.2), ("mnist_attention_pool", 628.7)]
)
def test_work_is_that_of_the_dense_definition(program: str, gflop: float) -> None:
    assert tables.gflop_per_epoch(program) == pytest.approx(gflop, abs=0.05)
    assert tables.gflop_per_epoch("mlp_simple") is None


def test_results_are_medians_over_all_epochs_of_all_rounds() -> None:
    rounds = {
        "ours": [a_run(0.1, 0.3), a_run(0.2)],
        "peer": [a_run(9, 1, version="Peer 1.0"), a_run(2, memory=10)],
    }
    ours, other = tables.summarize("mnist_mlp", 2, rounds, peak=245.5, own_memory=10)
    assert (ours.by, ours.median, ours.minimum, ours.ratio) == ("ours", 0.2, 0.1, 1)
    assert ours.gflops == pytest.approx(491, abs=1)
    assert ours.share == pytest.approx(2, abs=0.01)
    assert (other.by, other.median, other.ratio) == ("Peer 1.0", 2, pytest.approx(10))
    assert other.memory == 60_000_000 and not other.memory_is_bound


def test_table_is_markdown_with_a_dash_for_what_there_is_not() -> None:
    mlp = tables.summarize("mnist_mlp", 10, {"ours": [a_run(0.2)]}, peak=None, own_memory=0)
    xor = tables.summarize("mlp_simple", 1_000_000, {"ours": [a_run(0.125, memory=5)]}, 200.0, own_memory=5)
    lines = tables.results_table(mlp + xor).splitlines()
    assert lines[1] == "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    assert lines[2] == "| mnist_mlp, 10 epochs | ours | 0.2 | 1.00 | 491 | - | 60 | 94.25 % |"
    assert lines[3].startswith("| mlp_simple, 1,000,000 epochs | ours | 0.125 in all | 1.00 | - | - | < 0 |")


def test_comparison_is_the_ratio_of_medians() -> None:
    slower = tables.compare("mnist_cnn", [a_run(1, 1, 5)], [a_run(2), a_run(2)])
    assert (slower.base, slower.other, slower.ratio) == (1, 2, 2)
    assert tables.comparison_table(("alone", "busy", "slowdown"), [slower]).endswith("| mnist_cnn | 1 | 2 | 2.00 |")


@pytest.mark.parametrize(("stdout", "percent"), [
    ("test accuracy: 94.25 % (9425 of 10000), loss 0.2", 94.25),
    ("test accuracy 7%\nmore\nfinal test accuracy = 92.6 %\n", 92.6),
    ("accuracy: 50 %", None),
])  # fmt: skip
def test_accuracy_is_parsed(stdout: str, percent: float | None) -> None:
    assert runs.parse_accuracy(stdout) == percent


def test_log_is_read_by_column_name(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("# seconds,epoch,loss\n0.5,1,2\n0.25,2,1\n")
    assert runs.read_log(log) == {"seconds": [0.5, 0.25], "epoch": [1, 2], "loss": [2, 1]}
    log.write_text("# epoch,loss\n1,2\n")
    with pytest.raises(InputError, match="seconds"):
        runs.read_log(log)


def test_benchmark_stays_small_so_that_the_memory_of_children_can_be_read() -> None:
    code = "import sys; sys.path.insert(0, 'tools'); import bench; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_plain_xor_gives_the_reference_loss(tmp_path: Path) -> None:
    program = runs.compile_plain_xor(tmp_path)
    assert runs.run_plain_xor(program, 1000).losses == [pytest.approx(0.250300, abs=2e-4)]
    assert runs.run_plain_xor(program, 100_000).losses == [pytest.approx(0.016884, abs=2e-4)]


def test_peers_draw_what_the_programs_draw() -> None:
    for seed, first in ((0, 3692787630), (1, 0), (42, 10)):
        assert peer.SimpleRng(seed).next_u32() == first
    order = np.arange(10)
    peer.SimpleRng(42).shuffle(order)
    assert order.tolist() == [3, 6, 1, 8, 9, 5, 7, 4, 2, 0]
    weights = peer.initial_weights(attention_pool((28, 28), 4, 64, 128, 10), peer.SimpleRng(42))
    assert weights["patches1.weight"].shape == (16, 64) and weights["position1.table"][0, :2].tolist() == [0, 1]
    assert 0.9 < abs(weights["dense3.weight"]).max() / (6 / 74) ** 0.5 <= 1
    weights = peer.initial_weights(OTHER_NETWORKS["convolutions"], peer.SimpleRng(42))
    assert 0.9 < abs(weights["conv1.weight"]).max() / (6 / (25 + 4 * 25)) ** 0.5 <= 1
    for name, value in {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}.items():
        assert np.array_equal(weights[f"batch_norm1.{name}"], np.full(4, value, np.float32))


def test_networks_in_pytorch_are_ours() -> None:
    torch = pytest.importorskip("torch")
    from bench_peers import torch_peer

    for network in OTHER_NETWORKS.values():
        model, images = random_model(network), random_images(network, 9)
        with torch.inference_mode():
            found = torch_peer.build(model.steps, model.tensors).eval()(torch_peer.shaped(model, images))
        np.testing.assert_allclose(found, logits(model, images / 255), rtol=0, atol=1e-5)


def test_patches_are_in_row_order() -> None:
    image = np.arange(784).reshape(1, 784)
    assert peer.patches(image)[0, 8, :5].tolist() == [
        116,
        117,
        118,
        119,
        144,
    ]  # row 1, column 1 of the patches


def test_whole_run(stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    report = tmp_path / "report.json"
    run_bench(monkeypatch, "--programs", "mnist_mlp", "--peers", "none", "--rounds", "2", "--epochs", "3",
              "--build-dir", stand_in, "--json", report, "--busy-core", "--one-thread")  # fmt: skip
    out, err = capsys.readouterr()
    assert "| mnist_mlp, 3 epochs | this project | 0.25 | 1.00 | 393 | 196 % |" in out
    assert "| mnist_mlp | 0.25 | 0.25 | 1.00 |" in out and "sgemm peak: 200 GFLOP/s, as a test says." in out
    assert err.splitlines()[-1] == "bench: round 2 of 2: mnist_mlp: this project: 0.25 s"
    written = json.loads(report.read_text())
    assert written["results"][0]["seconds"] == [[0.25] * 3] * 2
    assert written["results"][0]["minimum"] == 0.25 and written["busy_core"][0]["ratio"] == 1
    assert written["machine"]["cpu"] and written["one_thread"]


@pytest.mark.parametrize("peers", ["none", "torch"])
def test_networks(peers: str, stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Both train on the images that --images says, PyTorch what our model's file says; the fastest epoch counts."""
    (tmp_path / "torch_peer.py").write_text(TORCH_STAND_IN)
    monkeypatch.setattr(runs, "HERE", tmp_path)
    monkeypatch.setattr(install, "install", lambda name: None)
    report = tmp_path / "report.json"
    run_bench(monkeypatch, "--programs", "none", "--networks", "mlp-2048", "--images", "6000", "--rounds", "2",
              "--peers", peers, "--build-dir", stand_in, "--json", report)  # fmt: skip
    out, err = capsys.readouterr()
    times = "5 | 2.00" if peers == "torch" else "- | -"
    assert f"| `mnist_mlp --hidden 2048,2048 --batch-size 256` | 2.5 | {times} |" in out
    assert "epoch of 60,000 images, scaled from 6,000: the minimum of 4 epochs, " in out and "2 threads:" in out
    assert f"| this project | {'PyTorch 2.0' if peers == 'torch' else 'PyTorch'} | times ours |" in out
    assert "| program |" not in out and "round 2 of 2: mlp-2048: this project: 0.25 s" in err
    (network,) = json.loads(report.read_text())["networks"]
    seen = "--hidden 2048,2048 --batch-size 256 --train-limit 6000"
    assert network["losses"] == [[1, 0.5], *([[len(seen)]] if peers == "torch" else [])]


def test_which_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    for options, expected in (
        ([], bench.NETWORKS), (["--programs", "none"], bench.NETWORKS), (["--programs", "mnist_cnn"], []),
        (["--programs", "mnist_cnn", "--networks", "cnn-2"], ["cnn-2"]), (["--networks", "none"], []),
    ):  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["bench", *options])
        assert bench.parse_options().networks == list(expected)


@pytest.mark.parametrize("options", [[], ["--peers", "torch"]])
def test_missing_peer_is_left_out_with_a_line(stand_in: Path, options: list[str], monkeypatch, capsys) -> None:
    monkeypatch.setattr(install, "missing", lambda name: f"No module named '{name}'")
    monkeypatch.setattr(install, "install", lambda name: "pip failed: no network")
    run_bench(monkeypatch, "--programs", "mnist_mlp", "--rounds", "1", "--build-dir", stand_in, *options)
    out, err = capsys.readouterr()
    if options:
        assert "bench: PyTorch is left out: pip failed: no network\n" in err
    else:
        assert "bench: JAX is left out: No module named 'jax' (--peers jax installs it)\n" in err
    assert "this project" in out and "JAX" not in out


def test_install_says_its_size_before_pip_runs(monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    run, pip = subprocess.run, []

    def without_network(command: list[str], **options: object) -> subprocess.CompletedProcess:
        if "pip" not in command:
            return run(command, **options)
        pip.append(command[command.index("pip") + 1 :])
        return run([sys.executable, "-c", "print('pip speaks'); raise SystemExit(1)"], **options)

    monkeypatch.setattr(install, "missing", lambda name: f"No module named '{name}'")
    monkeypatch.setattr(subprocess, "run", without_network)
    monkeypatch.setattr(sys, "prefix", "/a/virtual/environment")
    for name in bench.PEERS:
        assert install.install(name) == "pip install failed: exit status 1"
        said = f"bench: pip install {name}: downloads {install.DOWNLOAD[name]}\npip speaks\n"
        assert capfd.readouterr() == ("", said)
    assert pip == [["--disable-pip-version-check", "install", name] for name in bench.PEERS]


def test_only_a_virtual_environment_is_installed_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "missing", lambda name: f"No module named '{name}'")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert "virtual environment" in install.install("jax")


@pytest.mark.parametrize(("ratios", "low", "high", "result"), [
    ([1.03, 1.05, 1.04, 1.2, 1.01, 1.1], 1.01, 1.2, "slower"),  # of six rounds all have to be
    ([1.03, 1.05, 1.04, 1.2, 0.99, 1.1], 0.99, 1.2, "no difference"),
    ([1.03, 1.05, 1.04, 1.2, 0.99, 1.1, 1.05, 1.06, 1.03], 1.03, 1.1, "slower"),  # of nine, eight
    ([1.01, 1.012, 1.013, 1.011, 1.015, 1.01], 1.01, 1.015, "no difference"),  # too little
    ([0.5, 0.6, 0.7, 0.6, 0.5, 0.5], 0.5, 0.7, "faster"),
    ([0.99, 0.985, 0.99, 0.985, 0.99, 0.99], 0.985, 0.99, "no difference"),
])  # fmt: skip
def test_slower_and_faster_are_beyond_the_spread(ratios: list[float], low: float, high: float, result: str) -> None:
    change = against.compare("mnist_mlp", [(2.0, 2 * ratio) for ratio in ratios])
    assert (change.low, change.high, change.result) == (pytest.approx(low), pytest.approx(high), result)
    assert change.before == 2 and change.ratio == pytest.approx(np.median(ratios))


def test_the_interval_has_the_median_in_at_least_95_percent() -> None:
    """As often as it should, and no narrower one would, of the equally likely sides that the values fall on."""
    for n in (6, 9, 12, 17):
        below = np.array([bits.bit_count() for bits in range(2**n)])  # values below the true median
        low, high = (against.interval(range(n))[end] for end in (0, 1))
        assert np.mean((below > low) & (below <= high)) >= 0.95
        assert n == 6 or np.mean((below > low + 1) & (below <= high - 1)) < 0.95


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository with one commit, in place of the checkout, which may be without one."""
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message", "first"]):
        subprocess.run([*git, *command], check=True)
    monkeypatch.setattr(against, "ROOT", tmp_path)


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(("seconds", "result"), [(0.2, "slower"), (0.25, "no difference"), (0.5, "faster")])
def test_against_a_commit(
    seconds: float, result: str, stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """What is built already is not built again."""
    commit = against.find_commit("HEAD")
    older = stand_in / "commits" / commit[:12] / "build" / "mnist_mlp"
    older.parent.mkdir(parents=True)
    older.write_text(STAND_IN.replace("0.25", str(seconds)))
    older.chmod(0o755)
    options = [
        "--against",
        "HEAD",
        "--programs",
        "mnist_mlp",
        "--rounds",
        "6",
        "--epochs",
        "2",
        "--build-dir",
        stand_in,
    ]
    options += ["--json", tmp_path / "report.json"]
    if result == "slower":
        with pytest.raises(InputError) as error:
            run_bench(monkeypatch, *options)
        found = f"mnist_mlp takes 1.250 times the seconds of {commit[:7]}"
        assert str(error.value) == f"--against: {found}, expected no more"
    else:
        run_bench(monkeypatch, *options)
    out, err = capsys.readouterr()
    ratio = f"{0.25 / seconds:.3f}"
    assert f"| program, seconds per epoch | {commit[:7]} | now | ratio | 95 % interval |  |" in out
    assert f"| mnist_mlp | {seconds} | 0.25 | {ratio} | {ratio} to {ratio} | {result} |" in out and against.RULE in out
    assert err.splitlines()[-1] == f"bench: round 6 of 6: mnist_mlp: {seconds} s at {commit[:7]}, 0.25 s now"
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["commit"] == commit and written["changes"][0]["seconds"] == [[seconds, 0.25]] * 6


def test_a_commit_is_checked_out_and_configured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []
    monkeypatch.setattr(against, "run_child", lambda name, command: commands.append([name, *map(str, command[1:])]))
    built = against.build("0123abc", tmp_path, ["mnist_mlp", "mnist_cnn"])
    assert built == tmp_path / "build" and [command[0] for command in commands] == ["git", "cmake", "cmake"]
    assert commands[0][-2:] == [str(tmp_path / "source"), "0123abc"] and "-DCMAKE_BUILD_TYPE=Release" in commands[1]
    assert commands[2][-2:] == ["mnist_mlp", "mnist_cnn"]
    (tmp_path / "source").mkdir()
    against.build("0123abc", tmp_path, ["mnist_mlp"])
    assert [command[0] for command in commands[3:]] == ["cmake", "cmake"]


def test_a_commit_that_does_not_build(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.22)\nproject(none NONE)\n")
    with pytest.raises(InputError) as error:
        against.build("0123abc", tmp_path, ["mnist_mlp"])
    said = str(error.value)
    assert said.startswith("--against: 0123abc: ") and "mnist_mlp" in said and said.count("\n") == 0
    assert said.endswith(f", expected a commit that builds on this machine; cmake --build {tmp_path}/build says more")


@pytest.mark.usefixtures("repository")
def test_a_commit_that_is_none(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no-such-commit", "--all", "HEAD:README.md"):
        with pytest.raises(InputError, match=f"--against: found '{name}', expected a commit of this repository"):
            run_bench(monkeypatch, f"--against={name}", "--programs", "mnist_mlp", "--build-dir", stand_in)


@pytest.mark.parametrize(("options", "says"), [
    (["--against", "HEAD", "--rounds", "5"], "--rounds: found 5, expected at least 6 with --against"),
    (["--against", "HEAD", "--one-thread"], "--one-thread: found with --against, expected one of them"),
    (["--against", "HEAD", "--peers", "jax"], "--peers: found with --against, expected one of them"),
    (["--programs", "mnist"], "--programs: found 'mnist', expected"),
    (["--peers", "numpy"], "--peers: found 'numpy', expected one or more of jax, torch"),
    (["--rounds", "0"], "--rounds: found '0', expected a whole number from 1"),
    (["--threads", "-1"], "--threads: "),
    (["--epochs", "2.5"], "--epochs: found '2.5', expected"),
    (["--networks", "mlp"], "--networks: found 'mlp', expected one or more of mlp-2048, heads-4"),
    (["--images", "60001"], "--images: found '60001', expected a whole number from 1 to 60000"),
    (["--fast"], "--fast"),
])  # fmt: skip
def test_wrong_usage_is_one_line_and_2(options: list[str], says: str) -> None:
    done = subprocess.run([sys.executable, ROOT / "tools/bench.py", *options], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("bench: error: ") and done.stderr.count("\n") == 1
    assert says in done.stderr


def test_program_that_is_not_built_is_one_line_and_1(tmp_path: Path) -> None:
    options = ["--programs", "mnist_cnn", "--build-dir", str(tmp_path)]
    done = subprocess.run([sys.executable, ROOT / "tools/bench.py", *options], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"bench: error: {tmp_path}/mnist_cnn: no such file, expected")
    assert done.stderr.count("\n") == 1


def test_the_report_replaces_no_program(tmp_path: Path) -> None:
    (tmp_path / "mnist_cnn").touch()
    options = ["--programs", "mnist_cnn", "--build-dir", tmp_path, "--json", tmp_path / "mnist_cnn"]
    said = error_line(run_tool("bench", *options, cwd=tmp_path), "bench")
    assert said.startswith(f"{tmp_path}/mnist_cnn: is read, too, and would be lost, expected")
