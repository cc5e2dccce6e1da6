/* y = x scale + shift: x (rows, cols) -> y, with a scale and a shift for each column */
static void scale_shift(const float *scale, const float *shift, const float *x, int rows, int cols, float *y) {
  for (int i = 0; i < rows * cols; ++i) y[i] = x[i] * scale[i % cols] + shift[i % cols];
}
