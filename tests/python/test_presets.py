"""Presets: what they set, what wins over them, and --save-config -, which shows it."""

import json
import subprocess
from pathlib import Path

import pytest

from models import load_model
from support import MNIST_PROGRAMS, error_line, interrupt_after, random_images, run_program

PRESETS = {program: ["plain", "fast", "best", "drawing"] for program in MNIST_PROGRAMS}
NETWORK = {
    "mnist_mlp": ["hidden", "activation", "dropout"],
    "mnist_cnn": ["filters", "kernel"],
    "mnist_attention_pool": ["patch", "position", "d-model", "ff-dim", "heads"],
}
SHORT = ["--preset", "fast", "--hidden", "32", "--batch-size", "64"]  # quick, and a preset all the same


def settings(program: str, *args: object, cwd: Path) -> dict[str, object]:
    """What --save-config - prints."""
    done = run_program(program, *args, "--save-config", "-", cwd=cwd)
    assert done.returncode == 0 and done.stderr == "", done
    return json.loads(done.stdout)


def text(value: object) -> str:
    """As one types it."""
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize(
    ("program", "preset"), [(program, preset) for program in MNIST_PROGRAMS for preset in PRESETS[program]]
)
def test_a_preset_is_options_that_one_could_type(program: str, preset: str, build: Path, tmp_path: Path) -> None:
    plain = settings(program, cwd=tmp_path)
    chosen = settings(program, "--preset", preset, cwd=tmp_path)
    typed = [f"--{name}={text(value)}" for name, value in chosen.items() if plain.get(name) != value]
    assert settings(program, *typed, cwd=tmp_path) == chosen
    if preset == "plain":
        assert typed == []
    done = run_program(program, "--preset", preset, "--show-network", cwd=tmp_path)  # which the images fit
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("classes", [3, 12])
@pytest.mark.parametrize(
    ("program", "preset"), [(program, preset) for program in MNIST_PROGRAMS for preset in PRESETS[program]]
)
def test_as_many_units_as_the_data_have_classes(
    program: str, preset: str, classes: int, build: Path, tmp_path: Path
) -> None:
    """Which are drawings: the digits that --redrawn adds are none of them, those of --outliers are a class."""
    data = random_images(tmp_path / "data", 28, classes)
    (data / "preparation.json").write_text('{"preparation": "drawings"}')
    (data / "class-names.txt").write_text("".join(f"shape {i}\n" for i in range(classes)))
    options = ["--preset", preset, "--data-dir", data, "--epochs", "1", "--output", "m.safetensors"]
    done = run_program(program, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    model = load_model(tmp_path / "m.safetensors")
    assert model.classes == classes + (preset == "drawing") and model.known_classes == classes
    layers = model.settings.get("layers")
    assert layers is None or str(layers).endswith("dense classes")
    refused = run_program(program, *options, "--redrawn", "0.5", cwd=tmp_path)
    assert "--redrawn: " in error_line_of(refused)


def error_line_of(done: subprocess.CompletedProcess[str]) -> str:
    """Also of a run that has said something before."""
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    return line


def test_what_is_given_wins_then_the_configuration_then_the_preset(build: Path, tmp_path: Path) -> None:
    plain = settings("mnist_mlp", cwd=tmp_path)
    preset = settings("mnist_mlp", "--preset", "fast", cwd=tmp_path)
    names = ["epochs", "batch-size", "lr", "optimizer"]
    assert all(plain[name] != preset[name] for name in names)
    (tmp_path / "c.json").write_text(json.dumps({"epochs": 3, "batch-size": 5, "seed": 9}))
    options = ["--preset", "fast", "--config", "c.json", "--epochs", "2"]
    for args in (options, [*options[4:], *options[:4]]):  # in any order
        found = settings("mnist_mlp", *args, cwd=tmp_path)
        assert found == {**preset, "epochs": 2, "batch-size": 5, "seed": 9}
    (tmp_path / "c.json").write_text(json.dumps(plain))
    assert settings("mnist_mlp", *options, cwd=tmp_path) == {**plain, "epochs": 2}
    assert settings("mnist_mlp", "--preset", "fast", "--preset", "plain", cwd=tmp_path) == plain


def test_options_of_the_network_beside_a_preset_with_layers(build: Path, tmp_path: Path) -> None:
    preset = settings("mnist_cnn", "--preset", "fast", cwd=tmp_path)
    rest = {name: value for name, value in preset.items() if name != "layers"}
    assert "layers" in preset and not set(NETWORK["mnist_cnn"]) & preset.keys()
    found = settings("mnist_cnn", "--preset", "fast", "--filters", "4", cwd=tmp_path)
    assert found == {"filters": 4, "kernel": 3, **rest}


@pytest.mark.parametrize("preset", ["plain", "fast"])
def test_a_network_given_beside_a_preset(preset: str, build: Path, tmp_path: Path) -> None:
    """Replaces the preset's; what else the preset says stays."""

    def found(*args: str) -> dict[str, object]:
        return settings("mnist_mlp", "--preset", preset, *args, cwd=tmp_path)

    rest = {name: value for name, value in found().items() if name not in NETWORK["mnist_mlp"]}
    assert found("--layers", "dense 10") == {"layers": "dense 10", **rest}
    assert found("--init-from", "m.bin") == {"init-from": "m.bin", **rest}
    assert found("--hidden", "32,16") == {**found(), "hidden": "32,16"}
    (tmp_path / "c.json").write_text('{"layers": "dense 10"}')
    assert found("--config", "c.json") == {"layers": "dense 10", **rest}
    done = run_program("mnist_mlp", "--preset", preset, "--layers", "dense 10", "--show-network", cwd=tmp_path)
    assert "dense 10" in done.stdout and done.stdout.count("dense") == 1


def test_plain_is_no_preset(small_data: Path, tmp_path: Path) -> None:
    models = []
    for args in ([], ["--preset", "plain"]):
        files = ["--data-dir", small_data, "--output", "m.safetensors", "--quiet"]
        done = run_program("mnist_mlp", "--epochs", "1", *args, *files, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        models.append((done.stdout, (tmp_path / "m.safetensors").read_bytes()))
    assert models[0] == models[1]


def test_an_unknown_preset(build: Path, tmp_path: Path) -> None:
    for program in MNIST_PROGRAMS:
        line = error_line(run_program(program, "--preset", "quick", cwd=tmp_path), program, 2)
        assert line == f"--preset: found 'quick', expected one of {', '.join(PRESETS[program])}"
    assert list(tmp_path.iterdir()) == []


def test_printed_settings_are_a_configuration_for_the_same_run(small_data: Path, tmp_path: Path) -> None:
    """Nothing else is written, and no data are needed."""
    missing = ["--output", "m.safetensors", "--log-json", "l.jsonl", "--checkpoint-dir", "ck", "--data-dir", "none"]
    done = run_program("mnist_mlp", *SHORT, *missing, "--quiet", "--save-config", "-", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert list(tmp_path.iterdir()) == []

    common = [*SHORT, "--epochs", "2", "--data-dir", small_data, "--output", "m.safetensors"]
    printed = run_program("mnist_mlp", *common, "--save-config", "-", cwd=tmp_path).stdout
    (tmp_path / "c.json").write_text(printed)
    models = []
    for args in (common, ["--config", "c.json"]):
        done = run_program("mnist_mlp", *args, "--save-config", "saved.json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "saved.json").read_text() == printed
        models.append((tmp_path / "m.safetensors").read_bytes())
    assert models[0] == models[1]
    assert json.dumps(settings("mnist_mlp", "--config", "c.json", cwd=tmp_path), indent=2) + "\n" == printed


def test_a_random_seed_is_printed_as_the_number_that_it_is(build: Path, tmp_path: Path) -> None:
    first, second = (settings("mnist_mlp", "--seed", "random", cwd=tmp_path)["seed"] for _ in range(2))
    assert isinstance(first, int) and isinstance(second, int) and first != second


def test_a_run_with_a_preset_goes_on_to_the_same_model(small_data: Path, tmp_path: Path) -> None:
    common = [*SHORT, "--epochs", "30", "--data-dir", small_data, "--output", "m.safetensors"]
    done = run_program("mnist_mlp", *common, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    whole = (tmp_path / "m.safetensors").read_bytes()
    ck = tmp_path / "ck"
    interrupt_after(ck / "latest.safetensors", "mnist_mlp", *common, "--checkpoint-dir", "ck", cwd=tmp_path)
    there = settings("mnist_mlp", *common, "--checkpoint-dir", "ck", cwd=tmp_path)
    for given in ([], ["--hidden", "32", "--preset", "plain"]):
        assert settings("mnist_mlp", "--resume", "ck", *given, cwd=tmp_path) == there
    done = run_program("mnist_mlp", "--resume", "ck", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "m.safetensors").read_bytes() == whole
    refused = run_program("mnist_mlp", "--resume", "ck", "--preset", "best", cwd=tmp_path)
    assert "is of a run with other options: " in error_line(refused, "mnist_mlp")


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam", "adamw"])
def test_the_learning_rate_unless_it_is_given(program: str, optimizer: str, build: Path, tmp_path: Path) -> None:
    def rate(*args: object) -> object:
        return settings(program, *args, cwd=tmp_path)["lr"]

    plain = rate()
    (tmp_path / "optimizer.json").write_text(json.dumps({"optimizer": optimizer}))
    (tmp_path / "both.json").write_text(json.dumps({"lr": plain, "optimizer": optimizer}))
    expected = 0.001 if optimizer.startswith("adam") else plain
    assert plain != 0.001
    assert rate("--optimizer", optimizer) == rate("--config", "optimizer.json") == expected
    assert rate("--optimizer", optimizer, "--lr", plain) == rate("--config", "both.json") == plain
    assert rate("--config", "both.json", "--lr", "0.5") == 0.5


@pytest.mark.parametrize(("args", "rate"), [([], 0.01), (["--optimizer", "adam"], 0.001), (SHORT, None)])
def test_the_learning_rate_is_said_and_logged(
    args: list[str], rate: float | None, small_data: Path, tmp_path: Path
) -> None:
    rate = rate or settings("mnist_mlp", *args, cwd=tmp_path)["lr"]
    files = ["--data-dir", small_data, "--log-json", "l.jsonl"]
    done = run_program("mnist_mlp", *args, "--schedule", "constant", "--epochs", "1", *files, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f", learning rate {rate:g}, batch " in done.stdout
    run, epoch, _ = map(json.loads, (tmp_path / "l.jsonl").read_text().splitlines())
    assert run["settings"]["lr"] == epoch["learning_rate"] == rate
