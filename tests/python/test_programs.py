"""The C++ programs as a user runs them: real data, real files, every kind of bad input."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from support import BUILD, ROOT, error_line, write_idx

MNIST_PROGRAMS = ["mnist_mlp", "mnist_cnn", "mnist_attention_pool"]
MODEL_BYTES = {"mnist_mlp": 3_256_412, "mnist_cnn": 126_188, "mnist_attention_pool": 271_460}


def run(program: str, *args: str | Path, cwd: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    command = [str(BUILD / program), *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout)


def small_mnist(folder: Path, count: int = 600) -> Path:
    """The first images of MNIST, as a data folder of its own, in the other spelling and not packed."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, header, item in [("train-images", 16, 784), ("train-labels", 8, 1),
                               ("t10k-images", 16, 784), ("t10k-labels", 8, 1)]:
        dims = 3 if header == 16 else 1
        packed = next((ROOT / "data").glob(f"{part}*"))
        data = gzip.open(packed).read(header + count * item)[header:]
        shape = (count, 28, 28) if dims == 3 else (count,)
        write_idx(folder / f"{part}.idx{dims}-ubyte", np.frombuffer(data, np.uint8).reshape(shape))
    return folder


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_mnist(tmp_path_factory.mktemp("small") / "data")


def test_the_data_is_mnist() -> None:
    wanted = {
        "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
    for part, sha256 in wanted.items():
        (packed,) = (ROOT / "data").glob(f"{part}*.gz")
        assert hashlib.sha256(gzip.open(packed).read()).hexdigest() == sha256


@pytest.mark.parametrize(("program", "losses", "accuracy"), [
    ("mnist_mlp", [0.804809, 0.398147], None),
    ("mnist_cnn", [0.601773, 0.311093, 0.274596], 92.60),
    ("mnist_attention_pool", [2.208794], 30.18),
])
def test_reference_losses(program: str, losses: list[float], accuracy: float | None, tmp_path: Path) -> None:
    result = run(program, "--epochs", str(len(losses)), "--data-dir", ROOT / "data", "--log", "run.txt",
                 "--output", "model.bin", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    log = np.loadtxt(tmp_path / "run.txt", delimiter=",", ndmin=2)
    np.testing.assert_allclose(log[:, 1], losses, atol=2e-4)
    assert (tmp_path / "run.txt").read_text().splitlines()[0] == (
        "# epoch,loss,seconds,val_loss,val_accuracy,test_accuracy,learning_rate")
    assert "seed 42" in result.stdout
    found = float(re.search(r"test accuracy: ([\d.]+) %", result.stdout)[1])
    assert accuracy is None or abs(found - accuracy) <= 0.1
    assert (tmp_path / "model.bin").stat().st_size == MODEL_BYTES[program]


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_same_model_for_any_number_of_threads(program: str, small_data: Path, tmp_path: Path) -> None:
    hashes = {}
    for threads in (1, 2, 3, 4):
        result = run(program, "--epochs", "2", "--threads", str(threads), "--data-dir", small_data,
                     "--output", "model.bin", "--log", "log.txt", "--quiet", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        hashes[threads] = hashlib.sha256((tmp_path / "model.bin").read_bytes()).hexdigest()
        print(f"{program} --threads {threads}: SHA-256 of the model {hashes[threads]}")
    assert len(set(hashes.values())) == 1


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_defaults_seed_and_quiet(program: str, small_data: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(small_data)
    first = run(program, "--epochs", "1", "--quiet", cwd=tmp_path)
    assert first.returncode == 0 and first.stderr == ""
    assert re.fullmatch(r"test accuracy: [\d.]+ % \(\d+ of 600\), loss [\d.]+\n", first.stdout)
    assert len(list(tmp_path.glob("*.bin"))) == 1 and len(list((tmp_path / "logs").glob("*.txt"))) == 1
    again = run(program, "--epochs", "1", "--quiet", "--seed", "42", cwd=tmp_path)
    other = run(program, "--epochs", "1", "--quiet", "--seed", "7", cwd=tmp_path)
    assert again.stdout == first.stdout != other.stdout
    chosen = run(program, "--epochs", "1", "--seed", "random", cwd=tmp_path)
    assert re.search(r"seed \d+", chosen.stdout)


def damaged_data(kind: str, folder: Path) -> Path:
    """A copy of the small data with one thing wrong."""
    small_mnist(folder, 20)
    images, labels = folder / "train-images.idx3-ubyte", folder / "train-labels.idx1-ubyte"
    match kind:
        case "missing": images.unlink()
        case "not idx": images.write_bytes(b"<html>404 not found, sorry about that</html>")
        case "truncated": images.write_bytes(images.read_bytes()[:-1])
        case "truncated gz":
            (folder / "train-images.idx3-ubyte.gz").write_bytes(gzip.compress(images.read_bytes())[:-20])
            images.unlink()
        case "absurd counts": images.write_bytes(struct.pack(">4I", 0x803, 0xFFFFFFFF, 28, 28) + b"\0" * 784)
        case "counts differ": write_idx(labels, np.zeros(19))
        case "label 10": write_idx(labels, np.full(20, 10))
        case "no images": images.write_bytes(struct.pack(">4I", 0x803, 0, 28, 28))
    return folder


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
@pytest.mark.parametrize(("kind", "said"), [
    ("missing", r"data: has no train-images, expected .*train-images-idx3-ubyte or train-images.idx3-ubyte"),
    ("not idx", r"train-images.idx3-ubyte: magic number 0x3c68746d, expected IDX images with 0x00000803"),
    ("truncated", r"train-images.idx3-ubyte: header announces 20 x 28 x 28 bytes, but 15679 follow"),
    ("truncated gz", r"train-images.idx3-ubyte.gz: gzip data is damaged or cut short"),
    ("absurd counts", r"header announces 4294967295 x 28 x 28 bytes, but 784 follow"),
    ("counts differ", r"train-labels.idx1-ubyte: 19 labels, expected 20"),
    ("label 10", r"train-labels.idx1-ubyte: label 10, expected 0 to 9"),
    ("no images", r"holds no pixels"),
])
def test_bad_data(program: str, kind: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("precious")
    (tmp_path / "log.txt").write_text("precious")
    result = run(program, "--data-dir", damaged_data(kind, tmp_path / "data"), "--output", "model.bin",
                 "--log", "log.txt", cwd=tmp_path)
    assert re.search(said, error_line(result, program, 1))
    assert (tmp_path / "model.bin").read_text() == (tmp_path / "log.txt").read_text() == "precious"


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_missing_data_folder(program: str, tmp_path: Path) -> None:
    result = run(program, "--data-dir", "nowhere", cwd=tmp_path)
    assert re.match(r"nowhere: no such folder, expected a folder with train-images-idx3-ubyte or",
                    error_line(result, program, 1))


@pytest.mark.parametrize("program", [*MNIST_PROGRAMS, "mlp_simple"])
@pytest.mark.parametrize(("args", "said"), [
    (["--epochs", "0"], "--epochs: found '0', expected a whole number from 1 to"),
    (["--epochs", "2.5"], "--epochs: found '2.5', expected a whole number"),
    (["--epochs", "99999999999999999999"], "--epochs: found '99999999999999999999', expected a whole number"),
    (["--lr", "nan"], "--lr: found 'nan', expected a number from"),
    (["--lr", "-1"], "--lr: found '-1', expected a number from"),
    (["--lr", "inf"], "--lr: found 'inf', expected a number from"),
    (["--seed", "x"], "--seed: found 'x', expected a whole number from 0 to 2^64 - 1, or 'random'"),
    (["--frobnicate"], "--frobnicate: unknown option"),
    (["--epochs"], "--epochs"),
])
def test_bad_options(program: str, args: list[str], said: str, tmp_path: Path) -> None:
    assert error_line(run(program, *args, cwd=tmp_path), program, 2).startswith(said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
@pytest.mark.parametrize(("args", "said"), [
    (["--threads", "-1"], "--threads: found '-1', expected a whole number from 1 to"),
    (["--threads", "0"], "--threads: found '0'"),
    (["--batch-size", "0"], "--batch-size: found '0', expected a whole number from 1 to"),
])
def test_bad_mnist_options(program: str, args: list[str], said: str, tmp_path: Path) -> None:
    assert error_line(run(program, *args, cwd=tmp_path), program, 2).startswith(said)


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
@pytest.mark.parametrize("option", ["--output", "--log"])
def test_unwritable_output(program: str, option: str, small_data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for target in ("file/below", ".", "/proc/none/model"):
        result = run(program, "--data-dir", small_data, option, target, cwd=tmp_path)
        assert re.match(rf"{re.escape(target)}: (cannot be written|is a folder)", error_line(result, program, 1))
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_full_disk(program: str, small_data: Path, tmp_path: Path) -> None:
    result = run(program, "--epochs", "1", "--quiet", "--data-dir", small_data, "--output", "/dev/full", cwd=tmp_path)
    assert error_line(result, program, 1) == "/dev/full: writing failed: No space left on device"


@pytest.mark.skipif(shutil.which("mount") is None or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_full_disk_keeps_the_old_model(small_data: Path, tmp_path: Path) -> None:
    """On a real file system of 1 MB that the new model does not fit on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode != 0:
        pytest.skip("this container may not mount")
    try:
        (disk / "model.bin").write_text("precious")
        result = run("mnist_mlp", "--epochs", "1", "--quiet", "--data-dir", small_data,
                     "--output", disk / "model.bin", cwd=tmp_path)
        assert "No space left on device" in error_line(result, "mnist_mlp", 1)
        assert (disk / "model.bin").read_text() == "precious"
        assert [p.name for p in disk.iterdir()] == ["model.bin"]
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("program", [*MNIST_PROGRAMS, "mlp_simple"])
def test_help_and_version(program: str, tmp_path: Path) -> None:
    help_text = run(program, "--help", cwd=tmp_path)
    assert help_text.returncode == 0 and help_text.stderr == ""
    for option in ["--epochs", "--lr", "--seed", "--output", "--log", "--quiet", "--help", "--version"]:
        assert option in help_text.stdout
    version = run(program, "--version", cwd=tmp_path)
    assert version.returncode == 0 and re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", version.stdout)


def other_data(folder: Path, side: int, classes: int, count: int = 50) -> Path:
    """Random images of another size and number of classes."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (count, side, side)))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(count) % classes)
    return folder


@pytest.mark.parametrize(("program", "side"), [("mnist_mlp", 3), ("mnist_mlp", 1), ("mnist_cnn", 5), ("mnist_cnn", 2),
                                               ("mnist_attention_pool", 8), ("mnist_attention_pool", 4)])
def test_other_sizes_and_classes(program: str, side: int, tmp_path: Path) -> None:
    folder = other_data(tmp_path / "data", side, 17)
    for args in (["--batch-size", "1"], ["--batch-size", "7"], ["--batch-size", "1000", "--threads", "3"]):
        result = run(program, "--epochs", "2", *args, "--data-dir", folder, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert "17 classes" in result.stdout


@pytest.mark.parametrize(("program", "side", "said"), [
    ("mnist_cnn", 1, "images of 1 x 1 pixels, expected at least 2 x 2"),
    ("mnist_attention_pool", 27, "images of 27 x 27 pixels, expected square ones, a multiple of the patch, 4, wide"),
])
def test_images_that_do_not_fit(program: str, side: int, said: str, tmp_path: Path) -> None:
    result = run(program, "--quiet", "--data-dir", other_data(tmp_path / "data", side, 10), cwd=tmp_path)
    assert error_line(result, program, 1) == f"{tmp_path / 'data' / 'train-images-idx3-ubyte'}: {said}"


def test_nan_loss_is_told(small_data: Path, tmp_path: Path) -> None:
    result = run("mnist_mlp", "--lr", "1e6", "--data-dir", small_data, "--quiet", cwd=tmp_path)
    assert re.match(r"training: the loss is no longer a number in epoch 1, ", error_line(result, "mnist_mlp", 1))
    assert not (tmp_path / "mnist_model.bin").exists()


def test_nan_loss_keeps_the_last_good_model(small_data: Path, tmp_path: Path) -> None:
    """The rate rises until the loss overflows, some epochs into the run."""
    result = run("mnist_mlp", "--lr", "1e6", "--schedule", "cosine", "--warmup", "20",
                 "--batch-size", "600", "--epochs", "40", "--data-dir", small_data, "--quiet", cwd=tmp_path)
    assert result.returncode == 1 and result.stdout.startswith("test accuracy: ")
    assert re.search(r"training: the loss is no longer a number after epoch \d+, whose model is kept in "
                     r"mnist_model.bin", result.stderr)
    assert (tmp_path / "mnist_model.bin").stat().st_size == MODEL_BYTES["mnist_mlp"]


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_ctrl_c_saves_and_reports(program: str, tmp_path: Path) -> None:
    process = subprocess.Popen([BUILD / program, "--epochs", "1000", "--data-dir", ROOT / "data", "--output", "m.bin",
                                "--log", "l.txt"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("training:"):
            pass
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "interrupted in epoch" in out and "test accuracy:" in out
    assert (tmp_path / "m.bin").stat().st_size == MODEL_BYTES[program]


@pytest.mark.parametrize(("program", "args"), [
    ("mnist_mlp", ["--optimizer", "adam", "--lr", "0.001"]),
    ("mnist_mlp", ["--optimizer", "nesterov", "--schedule", "cosine", "--augment", "shift=2,rotate=10"]),
    ("mnist_cnn", ["--optimizer", "adamw", "--lr", "0.002", "--weight-decay", "0.01", "--clip-norm", "1"]),
    ("mnist_attention_pool", ["--optimizer", "momentum", "--schedule", "one-cycle", "--warmup", "1"]),
])
def test_choices_train_to_the_same_bits_for_any_threads(program: str, args: list[str], small_data: Path,
                                                        tmp_path: Path) -> None:
    models = []
    for threads in ("1", "2", "3"):
        result = run(program, "--epochs", "3", "--validation", "0.1", "--patience", "5", "--test-each-epoch", *args,
                     "--threads", threads, "--data-dir", small_data, "--output", "m.bin", "--log", "l.txt", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        models.append((tmp_path / "m.bin").read_bytes())
    assert models[0] == models[1] == models[2]
    log = np.loadtxt(tmp_path / "l.txt", delimiter=",")
    assert log.shape == (3, 7) and np.isfinite(log).all()


@pytest.mark.parametrize(("args", "said"), [
    (["--optimizer", "adams"], "--optimizer: found 'adams', expected one of sgd, momentum, nesterov, adam, adamw"),
    (["--schedule", "x"], "--schedule: found 'x', expected one of constant, step"),
    (["--momentum", "1"], "--momentum: found '1', expected a number from 0 to 0.9999"),
    (["--validation", "-1"], "--validation: found '-1', expected a number from 0"),
    (["--augment", "shift=999"], "--augment: "),
    (["--augment", "blur=1"], "--augment: "),
    (["--classes", "257"], "--classes: found '257'"),
])
def test_bad_training_options(args: list[str], said: str, tmp_path: Path) -> None:
    assert error_line(run("mnist_cnn", *args, cwd=tmp_path), "mnist_cnn", 2).startswith(said)


@pytest.mark.parametrize(("args", "said"), [
    (["--validation", "600"], "--validation: of 600 training images it holds out 600, expected at least one"),
    (["--validation", "0.0001"], "--validation: of 600 training images it holds out 0, expected at least one"),
    (["--patience", "3"], "--patience: found without --validation"),
    (["--output", "same", "--log", "same"], "--log: same is the model file, too"),
])
def test_options_that_contradict_each_other(args: list[str], said: str, small_data: Path, tmp_path: Path) -> None:
    result = run("mnist_mlp", *args, "--quiet", "--data-dir", small_data, cwd=tmp_path)
    assert error_line(result, "mnist_mlp", 1).startswith(said)


def test_numbers_are_decimal(tmp_path: Path) -> None:
    assert "epoch 10  loss" in run("mlp_simple", "--epochs", "010", cwd=tmp_path).stdout


def test_the_log_has_the_test_accuracy_of_the_model_that_is_kept(small_data: Path, tmp_path: Path) -> None:
    result = run("mnist_mlp", "--lr", "0.3", "--epochs", "30", "--validation", "0.3", "--patience", "3",
                 "--data-dir", small_data, "--output", "m.bin", "--log", "l.txt", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    log = np.loadtxt(tmp_path / "l.txt", delimiter=",")
    (row,) = np.flatnonzero(np.isfinite(log[:, 5]))
    assert row == np.argmin(log[:, 3])
    accuracy = float(re.search(r"test accuracy: ([\d.]+) %", result.stdout)[1])
    assert log[row, 5] * 100 == pytest.approx(accuracy, abs=0.005)


def test_a_huge_batch_size_takes_no_more_memory_than_the_data(small_data: Path, tmp_path: Path) -> None:
    result = subprocess.run(["bash", "-c", f"ulimit -v 1500000; exec {BUILD}/mnist_attention_pool --epochs 1 --quiet "
                             f"--threads 2 --batch-size 65536 --train-limit 32 --data-dir '{small_data}'"],
                            cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_threads_that_the_system_does_not_give(small_data: Path, tmp_path: Path) -> None:
    result = subprocess.run(["bash", "-c", f"ulimit -v 1000000; exec {BUILD}/mnist_mlp --quiet --threads 256 "
                             f"--data-dir '{small_data}'"], cwd=tmp_path, capture_output=True, text=True)
    assert error_line(result, "mnist_mlp", 1).startswith("threads: 256 asked for, the system starts only ")


def test_more_rows_than_a_job_has_blocks(tmp_path: Path) -> None:
    """131,076 rows make 65,538 pooled rows."""
    (tmp_path / "data").mkdir()
    for part in ("train", "t10k"):
        write_idx(tmp_path / "data" / f"{part}-images-idx3-ubyte", np.full((2, 131_076, 2), 9))
        write_idx(tmp_path / "data" / f"{part}-labels-idx1-ubyte", np.arange(2))
    result = run("mnist_cnn", "--epochs", "1", "--quiet", "--threads", "2", cwd=tmp_path, timeout=60)
    assert result.returncode == 0, result.stderr


def test_ctrl_c_in_mlp_simple_saves(tmp_path: Path) -> None:
    process = subprocess.Popen([BUILD / "mlp_simple", "--epochs", "1000000000", "--quiet", "--output", "xor.bin"],
                               cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert (tmp_path / "xor.bin").stat().st_size == 12 + 8 * 17


def test_mlp_simple_learns_xor(tmp_path: Path) -> None:
    result = run("mlp_simple", "--epochs", "100000", "--output", "xor.bin", "--log", "xor.txt", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    errors = {int(e): float(loss) for e, loss in re.findall(r"epoch +(\d+)\S* +loss ([\d.]+)", result.stdout)}
    assert list(errors) == list(range(1000, 100_001, 1000))
    for epoch, loss in {1000: 0.250300, 10_000: 0.250287, 100_000: 0.016884}.items():
        assert errors[epoch] == pytest.approx(loss, abs=1e-4)
    assert (tmp_path / "xor.bin").stat().st_size == 12 + 8 * 17
    assert np.loadtxt(tmp_path / "xor.txt", delimiter=",").shape == (100, 7)


def test_mlp_simple_default_run(tmp_path: Path) -> None:
    result = run("mlp_simple", cwd=tmp_path)
    assert result.returncode == 0 and list(tmp_path.iterdir()) == []
    errors = {int(e): float(loss) for e, loss in re.findall(r"epoch +(\d+)\S* +loss ([\d.]+)", result.stdout)}
    for epoch, loss in {500_000: 0.000260, 1_000_000: 0.000107}.items():
        assert errors[epoch] == pytest.approx(loss, abs=1e-4)
    outputs = [float(v) for v in re.findall(r"xor \d -> ([\d.]+)", result.stdout)]
    assert outputs == pytest.approx([0.011, 0.990, 0.990, 0.010], abs=1.5e-3)
