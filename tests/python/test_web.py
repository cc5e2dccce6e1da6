"""The page, in a real browser: Chromium without a window, driven by pointer and key events."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions import interaction
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from common.idx import read_dataset
from drawing.painting import Stroke
from drawing.strokes import CANVAS_SIDE, PEN
from drawing.ten_digits import digit_strokes
from recognizer.native import Recognizer
from support import MNIST_PROGRAMS, TOOLS, error_line, run_tool
from web.assembling import script
from web.embedded import embed

MAX_BYTES = 2_500_000  # of the page, with three models

pytestmark = pytest.mark.skipif(
    not (shutil.which("clang++-19") and shutil.which("chromium") and shutil.which("chromedriver")),
    reason="needs clang-19 for WebAssembly, chromium and chromium-driver",
)


@pytest.fixture(scope="module")
def models(runs, small_data) -> dict[str, bytes]:
    """By name, as the page has them: float16, of one epoch each."""
    images, labels = read_dataset(small_data, "t10k")
    return {program: embed(runs[program].model, images, labels).bytes for program in MNIST_PROGRAMS}


@pytest.fixture(scope="module")
def page(runs, small_data, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("web") / "digits.html"
    paths = [str(runs[program].model) for program in MNIST_PROGRAMS]
    command = [
        sys.executable,
        TOOLS / "web.py",
        "--model",
        *paths,
        "--data-dir",
        small_data,
        "--output",
        output,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1100,900"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, page) -> WebDriver:
    """The page from disk, with all its models."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(page.as_uri())
    wait = "return document.documentElement.dataset.ready || document.getElementById('error').textContent"
    WebDriverWait(browser, 30).until(lambda driver: driver.execute_script(wait))
    assert error_text(browser) == ""
    return browser


def error_text(browser) -> str:
    return browser.find_element(By.ID, "error").text


def draw(browser, strokes: list[Stroke], kind: str = interaction.POINTER_MOUSE) -> None:
    """By a pointer of this kind; points are units of the canvas."""
    box = browser.execute_script("return document.getElementById('canvas').getBoundingClientRect().toJSON()")
    actions = ActionBuilder(browser, mouse=PointerInput(kind, kind), duration=0)
    for stroke in strokes:
        for i, (x, y) in enumerate(stroke):
            scale = box["width"] / CANVAS_SIDE
            actions.pointer_action.move_to_location(round(box["x"] + x * scale), round(box["y"] + y * scale))
            if i == 0:
                actions.pointer_action.pointer_down()
        actions.pointer_action.pointer_up()
    actions.perform()


def recognitions(browser) -> list[dict]:
    """Of what is on the canvas now."""
    return browser.execute_script(
        """page.update(); return page.recognitions().map(
             ({ name, status, text, label, probabilities }) =>
               ({ name, status, text, label, probabilities: probabilities && [...probabilities] }))"""
    )


def strokes_of(browser) -> list[list[list[float]]]:
    return browser.execute_script("return page.drawing.content.strokes")


def clear(browser) -> None:
    browser.execute_script("document.getElementById('clear').click()")


def coarse(digit: int, **place: float) -> list[Stroke]:
    """Fewer points than a mouse gives, which the page rounds: each takes the browser's driver some time."""
    return [[*stroke[:-1:3], stroke[-1]] for stroke in digit_strokes(digit, **place)]


def test_drawn_digits_are_recognised_as_by_the_native_library(opened, models):
    native = {name: Recognizer(name, data) for name, data in models.items()}
    largest, right = 0.0, 0
    for digit in range(10):
        for left, top, height in ((90, 60, 150), (30, 30, 200), (120, 120, 90)):
            clear(opened)
            draw(opened, coarse(digit, left=left, top=top, height=height))
            found, strokes = recognitions(opened), strokes_of(opened)
            assert len(strokes) == len(digit_strokes(digit))
            assert opened.find_element(By.ID, "error").text == ""
            for recognition in found:
                places = [[(x, y) for x, y, _ in stroke] for stroke in strokes]
                p = native[recognition["name"]].strokes(places, PEN).probabilities
                assert (recognition["probabilities"] is None) == (p is None)
                if p is not None:
                    largest = max(largest, np.abs(p - recognition["probabilities"]).max())
            right += found[1]["label"] == digit
    print(f"largest difference of a probability: {largest:.2g}")
    assert largest < 1e-5
    assert right >= 20  # of 30, after an epoch


def test_what_is_no_digit_is_refused(opened):
    assert {r["text"] for r in recognitions(opened)} == {"nothing drawn"}
    draw(opened, [[(140, 140), (142, 140)]])
    assert {r["text"] for r in recognitions(opened)} == {"too small"}
    clear(opened)
    draw(opened, [[(20, 140), (120, 140), (260, 140)]])
    assert {r["text"] for r in recognitions(opened)} == {"not a single digit"}
    assert "not a single digit" in opened.find_element(By.CLASS_NAME, "answer").text


def test_undo_redo_and_clear(opened):
    draw(opened, coarse(4, left=90, top=60, height=150))
    assert len(strokes_of(opened)) == 2
    for name, count in (("undo", 1), ("undo", 0), ("redo", 1), ("redo", 2), ("clear", 0), ("undo", 2)):
        opened.find_element(By.ID, name).click()
        assert len(strokes_of(opened)) == count


def test_touch_draws_and_does_not_scroll(opened):
    draw(opened, coarse(7, left=90, top=60, height=150), interaction.POINTER_TOUCH)
    assert len(strokes_of(opened)) == 1
    assert recognitions(opened)[1]["probabilities"] is not None
    assert opened.execute_script("return window.scrollY") == 0


def test_the_keyboard_alone_draws(opened):
    canvas = opened.find_element(By.ID, "canvas")
    opened.execute_script("arguments[0].focus()", canvas)
    line = [Keys.ARROW_UP] * 6 + [Keys.SPACE] + [Keys.ARROW_DOWN] * 12 + [Keys.SPACE]
    ActionChains(opened).send_keys(*line).perform()
    assert len(strokes_of(opened)) == 1
    assert recognitions(opened)[0]["probabilities"] is not None
    WebDriverWait(opened, 5).until(lambda driver: driver.find_element(By.ID, "said").text)
    ActionChains(opened).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    assert strokes_of(opened) == []
    unnamed = """return [...document.querySelectorAll("button, select, input:not([hidden])")].filter(
      (e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length"""
    assert opened.execute_script(unnamed) == 0


def drop(browser, name: str, data: bytes, kind: str = "") -> None:
    browser.execute_script(
        """const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(arguments[1])], arguments[0], { type: arguments[2] }));
        document.getElementById("canvas").dispatchEvent(
          new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));""",
        name,
        list(data),
        kind,
    )


def test_a_dropped_model_is_used_and_a_broken_one_gets_one_line(opened, models):
    golden = Path(__file__).parents[1] / "golden" / "mlp.bin"
    broken = {
        "broken.bin": b"no model",
        "cut.safetensors": models["mnist_cnn"][:5000],
        "empty.safetensors": b"",
        "small.bin": golden.read_bytes(),
    }
    for name, data in broken.items():
        drop(opened, name, data)
        WebDriverWait(opened, 10).until(lambda driver, name=name: error_text(driver).startswith(f"{name}: "))
        assert "\n" not in error_text(opened)
    drop(opened, "photo.png", b"no picture", "image/png")
    WebDriverWait(opened, 10).until(lambda driver: "photo.png: cannot be read" in error_text(driver))

    drop(opened, "mine.safetensors", models["mnist_cnn"])
    WebDriverWait(opened, 10).until(lambda driver: len(recognitions(driver)) == 4)
    draw(opened, coarse(3, left=90, top=60, height=150))
    assert error_text(opened) == ""
    found = {r["name"]: r["probabilities"] for r in recognitions(opened)}
    assert found["mine.safetensors"] == found["mnist_cnn"]


def test_a_mistake_of_the_gallery_is_made_again(opened):
    button = opened.find_element(By.CSS_SELECTOR, "#wrong button")
    opened.execute_script("arguments[0].click()", button)
    predicted = button.get_attribute("aria-label").split()[-1]
    assert str(recognitions(opened)[0]["label"]) == predicted


def test_explanations(opened):
    draw(opened, coarse(2, left=90, top=60, height=150))
    colored = """const { width, height } = document.getElementById("overlay");
      const context = document.getElementById("overlay").getContext("2d");
      return context.getImageData(0, 0, width, height).data.some((v) => v > 0)"""
    assert not opened.execute_script(colored)
    for what, by in (("saliency", "mnist_mlp"), ("attention", "mnist_attention_pool")):
        opened.execute_script(
            """for (const [id, value] of [["why", arguments[0]], ["by", arguments[1]]]) {
              document.getElementById(id).value = value;
              document.getElementById(id).dispatchEvent(new Event("change"));
            }
            page.update();""",
            what,
            by,
        )
        assert opened.execute_script(colored)
        assert error_text(opened) == ""


@pytest.mark.parametrize("width", [320, 768])
def test_narrow_screens_need_no_scrolling_sideways(opened, width):
    size = {"width": width, "height": 700, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    assert opened.find_element(By.ID, "canvas").size["width"] > 200


def test_a_browser_without_simd_is_told_so_in_one_line(browser, page):
    lacking = {"source": "WebAssembly.validate = () => false"}
    script_id = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", lacking)["identifier"]
    browser.get(page.as_uri())
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script_id})
    WebDriverWait(browser, 10).until(lambda driver: "SIMD" in error_text(driver))
    assert "\n" not in error_text(browser)
    draw(browser, coarse(7, left=90, top=60, height=150))  # the page goes on
    assert len(strokes_of(browser)) == 1


def test_impossible_drawings_get_one_line_and_the_page_goes_on(opened):
    for points in ("[[NaN, 1], [2, 3]]", "Array(1000001).fill([1, 2])"):
        opened.execute_script(f"page.drawing.put({{ strokes: [{points}], picture: null }}); page.update()")
        assert "drawing: found" in error_text(opened) and "\n" not in error_text(opened)
        clear(opened)
        draw(opened, coarse(7, left=90, top=60, height=150))
        WebDriverWait(opened, 10).until(lambda driver: recognitions(driver)[0].get("probabilities"))
        assert error_text(opened) == ""


def test_bad_options_are_one_line(tmp_path):
    broken = tmp_path / "broken.bin"
    broken.write_bytes(b"no model")
    result = run_tool("web", "--no-build", "--model", broken, "--output", "page.html", cwd=tmp_path)
    assert "broken.bin" in error_line(result, "web")


def test_the_script_is_one_module_without_imports():
    assert "import" not in script().split("//")[0]
    assert "\nexport " not in script()
