// What the hand draws, as strokes: movements rounded into curves, with undo. Knows no page.
// The same as tools/drawing/strokes.py, whose unit it has.

export const SIDE = 280; // units of the canvas's side
export const PEN = 20; // units of the pen's width, at first
const STEP = 2; // units between the points of a curve

const EMPTY = { strokes: [], picture: null };

// A content is { strokes: [[[x, y, pressure], ...], ...], picture }, a picture in the strokes' place or null.
export class Drawing {
  #states = [EMPTY];
  #now = 0;
  #last = null; // where the pen was last, while it is down

  get content() {
    return this.#states[this.#now];
  }
  get canUndo() {
    return this.#now > 0;
  }
  get canRedo() {
    return this.#now + 1 < this.#states.length;
  }
  get isDown() {
    return this.#last !== null;
  }

  press(x, y, pressure = 0.5) {
    this.put({ strokes: [...this.content.strokes, [[x, y, pressure]]], picture: null });
    this.#last = [x, y, pressure];
  }

  move(x, y, pressure = 0.5) {
    if (!this.#last) return;
    const corner = this.#last;
    const middle = [(corner[0] + x) / 2, (corner[1] + y) / 2, (corner[2] + pressure) / 2];
    const stroke = this.content.strokes.at(-1);
    stroke.push(...curve(stroke.at(-1), corner, middle));
    this.#last = [x, y, pressure];
  }

  release() {
    if (this.#last) this.content.strokes.at(-1).push(this.#last);
    this.#last = null;
  }

  clear() {
    if (this.content.strokes.length || this.content.picture) this.put(EMPTY);
  }

  put(content) {
    this.release();
    this.#states.splice(++this.#now, Infinity, content);
  }

  undo() {
    this.release();
    this.#now = Math.max(this.#now - 1, 0);
  }

  redo() {
    this.release();
    this.#now = Math.min(this.#now + 1, this.#states.length - 1);
  }
}

// Points of the quadratic Bezier curve, about STEP apart, without `start` and with `end`.
function curve(start, control, end) {
  const length = distance(start, control) + distance(control, end);
  const count = Math.max(1, Math.ceil(length / STEP));
  return Array.from({ length: count }, (_, i) => {
    const t = (i + 1) / count;
    return [0, 1, 2].map((k) => (1 - t) ** 2 * start[k] + 2 * t * (1 - t) * control[k] + t * t * end[k]);
  });
}

function distance([x0, y0], [x1, y1]) {
  return Math.hypot(x1 - x0, y1 - y0);
}
