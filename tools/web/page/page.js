// The page: a canvas, a card for each model, and what explains their answers.

import { Drawing, PEN, SIDE } from "./drawing.js";
import { compile, Recognizer, Status } from "./recognizer.js";

const MAX_FILE = 2 ** 28; // bytes of a model or a picture
const KEY_STEP = { coarse: 10, fine: 2 }; // units that an arrow key moves the pen

const $ = (id) => document.getElementById(id);
const drawing = new Drawing();
const models = []; // { name, about, recognizer, mistakes, card, recognition }
let module; // of WebAssembly, compiled
let penWidth = PEN;
let isQueued = false;
let notice = ""; // an error that stays until something is done
let keyPen = null; // where the keyboard's pen is, [x, y], once it is used

// --- What is embedded: JSON, with base64 of gzip for the long parts.

async function unpacked(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; ++i) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start() {
  const data = JSON.parse($("data").textContent);
  resize();
  update();
  const wasm = unpacked(data.wasm).then(compile);
  for (const { name, about, bytes } of data.models) {
    const file = await unpacked(bytes);
    module ??= await wasm;
    const recognizer = await Recognizer.load(module, file, name);
    addModel({ name, about, recognizer, mistakes: [] });
    update();
    document.documentElement.dataset.firstAnswer ??= performance.now().toFixed(0);
  }
  for (const { name, mistakes } of data.models) {
    models.find((model) => model.name === name).mistakes = await mistakesOf(mistakes);
  }
  showChoices();
  document.documentElement.dataset.ready = performance.now().toFixed(0);
}

async function mistakesOf({ images, labels, predicted }) {
  const pixels = await unpacked(images);
  return labels.map((label, i) => ({ label, predicted: predicted[i], pixels: pixels.slice(784 * i, 784 * (i + 1)) }));
}

// --- Models

function addModel(model) {
  const old = models.findIndex(({ name }) => name === model.name);
  model.card = makeCard(model);
  if (old >= 0) {
    models[old].card.root.replaceWith(model.card.root);
    models[old] = model;
  } else {
    models.push(model);
    $("cards").append(model.card.root);
  }
  showChoices();
}

function showChoices() {
  fillSelect($("shown"), ["side by side", ...models.map(({ name }) => name)]);
  fillSelect($("by"), models.map(({ name }) => name));
  fillSelect($("wrong-of"), models.filter(({ mistakes }) => mistakes.length).map(({ name }) => name));
  showModels();
  showMistakes();
}

function fillSelect(select, texts) {
  const chosen = select.value;
  select.replaceChildren(...texts.map((text) => new Option(text, text)));
  if (texts.includes(chosen)) select.value = chosen;
}

function makeCard({ name, about, recognizer }) {
  const root = element("article", "card");
  const answer = element("p", "answer");
  const list = element("ol");
  const rows = recognizer.classNames.map((className) => {
    const row = element("li");
    const bar = element("span", "bar");
    const share = element("span", "share");
    row.append(element("span", "", className), bar, share);
    list.append(row);
    return { row, bar, share };
  });
  root.append(element("h2", "", name), element("p", "about", about), answer, list);
  return { root, answer, rows };
}

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function shownModels() {
  const chosen = models.filter(({ name }) => name === $("shown").value);
  return chosen.length ? chosen : models;
}

function showModels() {
  const shown = shownModels();
  for (const model of models) model.card.root.hidden = !shown.includes(model);
  if (shown.length === 1) $("by").value = shown[0].name;
  $("by-label").hidden = !$("why").value || shown.length === 1;
}

// --- Recognising

function queueUpdate() {
  if (isQueued) return;
  isQueued = true;
  requestAnimationFrame(() => {
    isQueued = false;
    update();
  });
}

function ask(recognizer) {
  const { strokes, picture } = drawing.content;
  if (picture?.isImage) return recognizer.image(picture);
  if (picture) return recognizer.picture(picture);
  return recognizer.strokes(strokes, penWidth, SIDE);
}

function update() {
  const { strokes, picture } = drawing.content;
  const isEmpty = strokes.length === 0 && !picture;
  paint();
  $("hint").hidden = !isEmpty;
  $("undo").disabled = !drawing.canUndo;
  $("redo").disabled = !drawing.canRedo;
  $("clear").disabled = isEmpty;
  let firstError = "";
  for (const model of shownModels()) {
    try {
      model.recognition = ask(model.recognizer);
      model.error = "";
    } catch (error) {
      model.recognition = null;
      model.error = error.message;
      firstError ||= error.message;
    }
    showAnswer(model);
  }
  showError(notice || firstError);
  showSeen();
}

function showAnswer({ card, recognition, recognizer, error }) {
  const isSure = recognition?.status === Status.RECOGNIZED;
  const isAsked = Boolean(recognition?.probabilities);
  const text = error ? "no answer" : isSure ? recognizer.classNames[recognition.label] : recognition.text;
  card.answer.textContent = text;
  card.answer.classList.toggle("unsure", !isSure);
  card.rows.forEach(({ row, bar, share }, label) => {
    const p = isAsked ? recognition.probabilities[label] : 0;
    bar.style.transform = `scaleX(${p})`;
    share.textContent = isAsked ? `${(100 * p).toFixed(1)} %` : "";
    row.classList.toggle("top", isSure && label === recognition.label);
  });
}

// The answers in words, for the screen reader: after a stroke, not while it is drawn.
function say() {
  const texts = shownModels().map(({ name, recognition, recognizer, error }) => {
    if (!recognition) return error ? `${name}: ${error}` : "";
    const { status, text, label, probabilities } = recognition;
    if (status !== Status.RECOGNIZED) return `${name}: ${text}`;
    return `${name}: ${recognizer.classNames[label]}, ${(100 * probabilities[label]).toFixed(0)} percent`;
  });
  $("said").textContent = texts.join(". ");
  const { strokes, picture } = drawing.content;
  const what = picture ? "a picture" : strokes.length ? `${strokes.length} strokes` : "empty";
  $("canvas").setAttribute("aria-label", `Drawing area, ${what}`);
}

function note(message) {
  notice = message;
  showError(message);
}

function showError(message) {
  $("error").textContent = message;
  $("error").hidden = !message;
}

// --- What the networks see, and why they answer so

function showSeen() {
  const asked = models.find(({ name }) => name === $("by").value) ?? shownModels()[0];
  const recognition = asked?.recognition ?? shownModels().find((model) => model.recognition)?.recognition;
  const seen = $("seen");
  const context = seen.getContext("2d");
  const overlay = $("overlay").getContext("2d");
  overlay.setTransform(1, 0, 0, 1, 0, 0);
  overlay.clearRect(0, 0, $("overlay").width, $("overlay").height);
  $("legend").textContent = "";
  if (!recognition) return context.clearRect(0, 0, seen.width, seen.height);

  const { rows, cols, pixels } = recognition;
  if (seen.width !== cols || seen.height !== rows) [seen.width, seen.height] = [cols, rows];
  const image = context.createImageData(cols, rows);
  pixels.forEach((ink, i) => image.data.set([ink, ink, ink, 255], 4 * i));

  const marks = asked && explained(asked, $("why").value);
  if (marks) {
    marks.forEach(([r, g, b, alpha], i) => {
      const ink = pixels[i];
      image.data.set([r, g, b].map((c) => ink + (c - ink) * alpha), 4 * i);
    });
    layOver(overlay, marks, recognition);
  }
  context.putImageData(image, 0, 0);
}

// For each pixel [r, g, b, alpha], or null if there is nothing to explain.
function explained({ name, recognizer, recognition }, what) {
  if (!what || !recognition?.probabilities) return null;
  let explanation;
  try {
    ask(recognizer);
    explanation = recognizer.explain();
  } catch (error) {
    showError(error.message);
    return null;
  }
  const { saliency, cols, attention, tokenRows, tokenCols, rows, label } = explanation;
  if (what === "attention") {
    if (!attention) {
      $("legend").textContent = `${name} has no attention.`;
      return null;
    }
    $("legend").textContent = "Brighter: patches that the others take more from.";
    const most = Math.max(...attention);
    return Array.from(recognition.pixels, (_, i) => {
      const row = Math.floor((Math.floor(i / cols) * tokenRows) / rows);
      const col = Math.floor(((i % cols) * tokenCols) / cols);
      return [255, 170, 0, (0.8 * attention[row * tokenCols + col]) / most];
    });
  }
  // What the ink of each pixel adds to the answer, to first order.
  const adds = saliency.map((slope, i) => (slope * recognition.pixels[i]) / 255);
  const most = adds.reduce((a, v) => Math.max(a, Math.abs(v)), 1e-12);
  const className = recognizer.classNames[label] ?? "no digit";
  $("legend").textContent = `Blue ink speaks for ${className}, orange ink against.`;
  return Array.from(adds, (v) => (v > 0 ? [30, 130, 255, v / most] : [255, 120, 0, -v / most]));
}

// Over the drawing: the 20x20 box that the ink fills, with its pen, has its middle where the drawing's is.
function layOver(context, marks, { pixels, rows, cols }) {
  const { strokes, picture } = drawing.content;
  let left = 0, top = 0, unit = SIDE / cols; // of the network's image, on the canvas
  if (!picture) {
    const points = strokes.flat();
    const [low, high] = [Math.min, Math.max].map((f) =>
      [0, 1].map((k) => points.reduce((best, p) => f(best, p[k]), points[0][k])));
    const extent = Math.max(high[0] - low[0], high[1] - low[1], penWidth);
    unit = extent / (20 - 2.75);
    const inked = (f, of) => pixels.reduce((best, ink, i) => (ink > 0 ? f(best, of(i)) : best), f === Math.min ? 99 : -1);
    const middle = (of) => (inked(Math.min, of) + inked(Math.max, of) + 1) / 2;
    left = (low[0] + high[0]) / 2 - middle((i) => i % cols) * unit;
    top = (low[1] + high[1]) / 2 - middle((i) => Math.floor(i / cols)) * unit;
  } else if (!picture.isImage) {
    return;
  }
  const scale = $("overlay").width / SIDE;
  context.setTransform(scale * unit, 0, 0, scale * unit, scale * left, scale * top);
  marks.forEach(([r, g, b, alpha], i) => {
    if (alpha < 0.02) return;
    context.fillStyle = `rgba(${r},${g},${b},${(0.75 * alpha).toFixed(3)})`;
    context.fillRect(i % cols, Math.floor(i / cols), 1.02, 1.02);
  });
}

// --- The canvas

function resize() {
  const side = Math.max(1, Math.round($("canvas").clientWidth * (window.devicePixelRatio || 1)));
  for (const canvas of [$("canvas"), $("overlay")]) canvas.width = canvas.height = side;
}

function paint() {
  const canvas = $("canvas");
  const context = canvas.getContext("2d");
  const scale = canvas.width / SIDE;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const { strokes, picture } = drawing.content;
  const color = getComputedStyle(document.body).color;
  if (picture) {
    const factor = SIDE / Math.max(picture.rows, picture.cols);
    const [width, height] = [picture.cols * factor, picture.rows * factor];
    context.imageSmoothingEnabled = !picture.isImage;
    context.drawImage(picture.bitmap, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
  }
  paintStrokes(context, strokes, color);
  if (keyPen) {
    context.lineWidth = 2;
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
    context.beginPath();
    context.arc(keyPen[0], keyPen[1], penWidth / 2 + 3, 0, 7);
    context.stroke();
  }
}

function paintStrokes(context, strokes, color) {
  context.strokeStyle = context.fillStyle = color;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    // A mouse has always half the pressure, and the pen's own width.
    const width = (i) => penWidth * (0.5 + (stroke[i][2] ?? 0.5));
    if (stroke.length === 1) {
      context.beginPath();
      context.arc(stroke[0][0], stroke[0][1], width(0) / 2, 0, 7);
      context.fill();
    }
    for (let i = 1; i < stroke.length; ++i) {
      context.lineWidth = width(i);
      context.beginPath();
      context.moveTo(stroke[i - 1][0], stroke[i - 1][1]);
      context.lineTo(stroke[i][0], stroke[i][1]);
      context.stroke();
    }
  }
}

function place(event) {
  const box = $("canvas").getBoundingClientRect();
  const pressure = event.pointerType === "pen" && event.pressure > 0 ? event.pressure : 0.5;
  return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height, pressure];
}

function change(action) {
  notice = "";
  action();
  queueUpdate();
  setTimeout(say, 300);
}

let pointer = null; // that draws: a second finger does not
$("canvas").addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button !== 0) return;
  pointer = event.pointerId;
  notice = "";
  keyPen = null;
  $("canvas").setPointerCapture(pointer);
  drawing.press(...place(event));
  queueUpdate();
});
$("canvas").addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  const all = event.getCoalescedEvents?.() ?? [];
  for (const each of all.length ? all : [event]) drawing.move(...place(each));
  queueUpdate();
});
for (const name of ["pointerup", "pointercancel"]) {
  $("canvas").addEventListener(name, (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    change(() => drawing.release());
  });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
$("canvas").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  if (arrow) {
    const step = event.shiftKey ? KEY_STEP.fine : KEY_STEP.coarse;
    keyPen = (keyPen ?? [SIDE / 2, SIDE / 2]).map((v, k) => Math.min(Math.max(v + step * arrow[k], 0), SIDE));
    if (drawing.isDown) drawing.move(...keyPen);
    queueUpdate();
  } else if (event.key === " ") {
    keyPen ??= [SIDE / 2, SIDE / 2];
    change(() => (drawing.isDown ? drawing.release() : drawing.press(...keyPen)));
  } else {
    return;
  }
  event.preventDefault();
});
$("canvas").addEventListener("blur", () => {
  keyPen = null;
  if (pointer === null) change(() => drawing.release());
});

document.addEventListener("keydown", (event) => {
  if (event.target.matches?.("input, select")) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z" && !event.shiftKey) change(() => drawing.undo());
    else if (key === "y" || key === "z") change(() => drawing.redo());
    else return;
  } else if (key === "delete") {
    change(() => drawing.clear());
  } else {
    return;
  }
  event.preventDefault();
});

$("undo").addEventListener("click", () => change(() => drawing.undo()));
$("redo").addEventListener("click", () => change(() => drawing.redo()));
$("clear").addEventListener("click", () => change(() => drawing.clear()));
$("pen").addEventListener("input", () => change(() => (penWidth = Number($("pen").value))));
for (const id of ["shown", "why", "by"]) {
  $(id).addEventListener("change", () => {
    showModels();
    change(() => {});
  });
}
$("wrong-of").addEventListener("change", showMistakes);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", queueUpdate);
new ResizeObserver(() => {
  resize();
  queueUpdate();
}).observe($("canvas"));

// --- The gallery

function showMistakes() {
  const model = models.find(({ name }) => name === $("wrong-of").value);
  const buttons = (model?.mistakes ?? []).map(({ label, predicted, pixels }) => {
    const button = element("button");
    const image = { rows: 28, cols: 28, pixels, isImage: true };
    const text = `a ${label} that ${model.name} takes for ${predicted}`;
    button.type = "button";
    button.title = text;
    button.setAttribute("aria-label", `Put on the canvas: ${text}`);
    button.append(bitmapOf(image, (ink) => [ink, ink, ink, 255]));
    button.addEventListener("click", () => {
      const [r, g, b] = getComputedStyle(document.body).color.match(/\d+/g).map(Number);
      const bitmap = bitmapOf(image, (ink) => [r, g, b, ink]);
      change(() => drawing.put({ strokes: [], picture: { ...image, bitmap } }));
      $("canvas").scrollIntoView({ block: "nearest" });
    });
    return button;
  });
  $("wrong").replaceChildren(...buttons);
}

function bitmapOf({ rows, cols, pixels }, color) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [cols, rows];
  const context = canvas.getContext("2d");
  const image = context.createImageData(cols, rows);
  pixels.forEach((ink, i) => image.data.set(color(ink), 4 * i));
  context.putImageData(image, 0, 0);
  return canvas;
}

// --- Files: models and pictures

async function open(file) {
  try {
    if (!module) throw new Error("The page is still being loaded.");
    if (file.size > MAX_FILE) throw new Error(`${file.name}: ${file.size} bytes, expected at most ${MAX_FILE}`);
    if (file.type.startsWith("image/")) {
      const picture = await readPicture(file);
      return change(() => drawing.put({ strokes: [], picture }));
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    const recognizer = await Recognizer.load(module, bytes, file.name);
    if (recognizer.preparation === "digits" && recognizer.rows * recognizer.cols !== 784) {
      const size = `${recognizer.rows} x ${recognizer.cols}`;
      throw new Error(`${file.name}: found a network for ${size} pixels, expected one for 28 x 28 pixels`);
    }
    addModel({ name: file.name, about: `${recognizer.network}`, recognizer, mistakes: [] });
    $("by").value = file.name;
    change(() => {});
  } catch (error) {
    note(error.message);
  }
}

// In grey over white paper, as the programs read pictures.
async function readPicture(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name}: cannot be read, expected a picture`);
  }
  const { width: cols, height: rows } = bitmap;
  if (rows * cols > 2 ** 26) throw new Error(`${file.name}: ${cols} x ${rows} pixels, expected at most 2^26`);
  const canvas = new OffscreenCanvas(cols, rows);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return { ...greyOf(context, rows, cols), bitmap };
}

function greyOf(context, rows, cols) {
  const { data } = context.getImageData(0, 0, cols, rows);
  const pixels = new Uint8Array(rows * cols);
  for (let i = 0; i < pixels.length; ++i) {
    const luma = 299 * data[4 * i] + 587 * data[4 * i + 1] + 114 * data[4 * i + 2];
    const alpha = data[4 * i + 3];
    pixels[i] = Math.floor((luma * alpha + 255000 * (255 - alpha) + 127500) / 255000);
  }
  return { rows, cols, pixels };
}

$("open").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  for (const file of $("file").files) open(file);
  $("file").value = "";
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  for (const file of event.dataTransfer.files) open(file);
});

// For tests: the strokes, and what each model makes of them.
window.page = {
  drawing,
  update,
  recognitions: () => models.map(({ name, recognition }) => ({ name, ...recognition })),
};

start().catch((error) => note(error.message));
