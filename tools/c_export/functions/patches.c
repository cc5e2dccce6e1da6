/* An image in squares of size x size, in row order: x (rows, cols, channels) -> y (patches, outputs).
   Weights: (size, size, channels, outputs). */
static void patches(const Linear *l, int size, const float *x, Image in, float *y) {
  const int width = size * in.channels; /* values of a patch in one row of the image */
  for (int top = 0; top < in.rows; top += size) {
    for (int left = 0; left < in.cols; left += size, y += l->outputs) {
      clear(y, l->outputs);
      for (int i = 0; i < size; ++i) {
        accumulate(l, i * width, x + ((top + i) * in.cols + left) * in.channels, width, y);
      }
      finish(l, y);
    }
  }
}
