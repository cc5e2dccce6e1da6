/* All filters at one place: x (rows, cols, channels) -> y (filters). The window begins at (top, left), which may lie
   outside of x, as its end may; there x is 0. Weights: (size, size, channels, filters). */
static void conv_at(const Linear *l, const float *x, Image in, int size, int top, int left, float *y) {
  const int begin = left < 0 ? -left : 0, end = left + size > in.cols ? in.cols - left : size;
  clear(y, l->outputs);
  for (int i = 0; i < size; ++i) {
    const int row = top + i;
    if (row < 0 || row >= in.rows || begin >= end) continue;
    accumulate(l, (i * size + begin) * in.channels, x + (row * in.cols + left + begin) * in.channels,
               (end - begin) * in.channels, y);
  }
  finish(l, y);
}
