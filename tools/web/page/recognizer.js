// nn/recognizer.h in a browser. Every model has an instance of the WebAssembly module, with a memory of its
// own: what goes wrong with one, memory that runs out or a broken file, leaves the others alone.

export const Status = {
  RECOGNIZED: 0, NOTHING_DRAWN: 1, TOO_SMALL: 2, NOT_ONE_DIGIT: 3, NOT_SURE: 4, LINES_ACROSS: 5, NOT_ONE_DRAWING: 6,
};

const ERROR_SIZE = 512;
const RESULT_SIZE = 36; // bytes of nn_recognition and of nn_explanation, both of nine 32-bit fields

// v128.const and i8x16.popcnt in a function: an engine without SIMD refuses it.
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

export async function compile(bytes) {
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(SIMD_PROBE)) {
    throw new Error("This browser has no WebAssembly with SIMD; any of the last years' versions has.");
  }
  return WebAssembly.compile(bytes);
}

export class Recognizer {
  // `bytes`: a model file. Throws an Error whose message is one line.
  static async load(module, bytes, name) {
    const recognizer = new Recognizer(module, bytes, name);
    await recognizer.#start();
    return recognizer;
  }

  // A drawing, [[[x, y], ...], ...] in any unit, on a square canvas from 0, 0 to `side`; a digit or a drawing
  // that is not larger than `pen` is too small.
  strokes(strokes, pen, side) {
    const points = strokes.flat();
    this.#call(() => this.#check(this.#exports.nn_recognizer_set_canvas(this.#handle, side, side)));
    return this.#recognise((scope) => [
      "nn_recognizer_strokes",
      scope.put(Float64Array.from(points.flatMap(([x, y]) => [x, y]))),
      scope.put(Uint32Array.from(strokes, (stroke) => stroke.length)),
      strokes.length,
      pen,
    ]);
  }

  // A picture in grey, 0 black .. 255 white, in which a digit is looked for.
  picture({ pixels, rows, cols }) {
    return this.#recognise((scope) => ["nn_recognizer_picture", scope.put(pixels), rows, cols]);
  }

  // An image as the network takes it, 0 paper .. 255 ink.
  image({ pixels, rows, cols }) {
    return this.#recognise((scope) => ["nn_recognizer_image", scope.put(pixels), rows, cols]);
  }

  // Of the last recognition: `saliency`, (rows, cols), how the log odds of the likeliest class grow with each
  // pixel; `attention`, (tokenRows, tokenCols), what each patch is given by the others, 1 if all alike, or null.
  explain() {
    return this.#call((scope) => {
      const result = scope.reserve(RESULT_SIZE);
      this.#check(this.#exports.nn_recognizer_explain(this.#handle, result));
      const f = this.#fields(result);
      const saliency = this.#floats(f[1], f[2] * f[3]);
      const explanation = { label: f[0], saliency, rows: f[2], cols: f[3], attention: null };
      const [, , , , weights, heads, tokens, tokenRows, tokenCols] = f;
      if (weights === 0 || tokenRows === 0) return explanation;
      const received = new Float32Array(tokens);
      this.#floats(weights, heads * tokens * tokens).forEach((w, i) => (received[i % tokens] += w / heads));
      return { ...explanation, attention: received, tokenRows, tokenCols };
    });
  }

  #module; #bytes; #exports; #handle;

  constructor(module, bytes, name) {
    this.#module = module;
    this.#bytes = bytes;
    this.name = name;
  }

  async #start() {
    const imports = {};
    for (const { module, name } of WebAssembly.Module.imports(this.#module)) {
      imports[module] ??= {};
      imports[module][name] = () => 52; // of WASI, files and such: "not supported"
    }
    imports.page.thrown = (what) => {
      const error = new Error(this.#text(what));
      error.isThrown = true;
      throw error;
    };
    const instance = await WebAssembly.instantiate(this.#module, imports);
    this.#exports = instance.exports;
    this.#exports._initialize();
    this.#call((scope) => {
      const error = scope.reserve(ERROR_SIZE);
      const e = this.#exports;
      const bytes = scope.put(this.#bytes);
      this.#handle = e.nn_recognizer_load(
        bytes, this.#bytes.length, scope.put(new TextEncoder().encode(`${this.name}\0`)), error, ERROR_SIZE);
      if (this.#handle === 0) throw refusal(this.#text(error));
      this.network = this.#text(e.nn_recognizer_network(this.#handle));
      this.preparation = this.#text(e.nn_recognizer_preparation(this.#handle));
      this.rows = e.nn_recognizer_rows(this.#handle);
      this.cols = e.nn_recognizer_cols(this.#handle);
      this.classNames = Array.from({ length: e.nn_recognizer_classes(this.#handle) }, (_, label) =>
        this.#text(e.nn_recognizer_class_name(this.#handle, label)));
    });
  }

  #recognise(prepare) {
    return this.#call((scope) => {
      const [name, ...inputs] = prepare(scope);
      const result = scope.reserve(RESULT_SIZE);
      this.#check(this.#exports[name](this.#handle, ...inputs, result));
      const [status, text, label, , probabilities, classes, pixels, rows, cols] = this.#fields(result);
      return {
        status,
        text: this.#text(text),
        label,
        probabilities: probabilities === 0 ? null : this.#floats(probabilities, classes),
        pixels: new Uint8Array(this.#exports.memory.buffer, pixels, rows * cols).slice(),
        rows,
        cols,
      };
    });
  }

  // Runs `action` with memory that is free again afterwards. An instance in which something was thrown is in no
  // state to go on: the next call has a new one.
  #call(action) {
    if (!this.#exports) throw refusal(`${this.name}: is being loaded again`);
    const e = this.#exports;
    const taken = [];
    const reserve = (size) => {
      const place = e.malloc(Math.max(size, 1));
      if (place === 0) throw refusal(`${this.name}: memory ran out`);
      taken.push(place);
      return place;
    };
    const put = (array) => {
      const place = reserve(array.byteLength);
      new Uint8Array(e.memory.buffer, place, array.byteLength).set(
        new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      return place;
    };
    try {
      const result = action({ reserve, put });
      taken.forEach((place) => e.free(place));
      return result;
    } catch (error) {
      if (error.isRefusal) {
        taken.forEach((place) => e.free(place));
        throw error;
      }
      const wasLoaded = Boolean(this.#handle);
      this.#exports = undefined;
      this.#handle = 0;
      if (wasLoaded) this.#start().catch(() => {});
      throw error.isThrown ? error : refusal(`${this.name}: memory ran out`);
    }
  }

  #check(status) {
    if (status !== 0) throw refusal(this.#text(this.#exports.nn_recognizer_error(this.#handle)));
  }

  #fields(place) {
    return new Int32Array(this.#exports.memory.buffer, place, RESULT_SIZE / 4).slice();
  }

  #floats(place, count) {
    return new Float32Array(this.#exports.memory.buffer, place, count).slice();
  }

  #text(place) {
    const bytes = new Uint8Array(this.#exports.memory.buffer);
    return new TextDecoder().decode(bytes.subarray(place, bytes.indexOf(0, place)));
  }
}

// An error that the interface itself told: the instance goes on.
function refusal(message) {
  return Object.assign(new Error(message), { isRefusal: true });
}
