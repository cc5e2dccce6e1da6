/* y = x w + b: x (rows, inputs) -> y (rows, outputs) */
static void dense(const Linear *l, const float *x, int rows, float *y) {
  for (int row = 0; row < rows; ++row, x += l->inputs, y += l->outputs) {
    clear(y, l->outputs);
    accumulate(l, 0, x, l->inputs, y);
    finish(l, y);
  }
}
