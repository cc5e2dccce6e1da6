/* A convolution: x (rows, cols, channels) -> y (rows', cols', filters) */
static void conv(const Linear *l, Window window, const float *x, Image in, float *y, Image out) {
  for (int row = 0; row < out.rows; ++row) {
    for (int col = 0; col < out.cols; ++col, y += out.channels) {
      const int top = row * window.stride - window.padding, left = col * window.stride - window.padding;
      conv_at(l, x, in, window.size, top, left, y);
    }
  }
}
