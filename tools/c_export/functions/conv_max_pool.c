/* A convolution and max-pooling at once: of each pool x pool places only the largest value of a filter is kept.
   x (rows, cols, channels) -> y (rows', cols', filters), with `other` (filters) for the values of one place. */
static void conv_max_pool(const Linear *l, Window window, int pool, const float *x, Image in, float *other, float *y,
                          Image out) {
  for (int row = 0; row < out.rows; ++row) {
    for (int col = 0; col < out.cols; ++col, y += out.channels) {
      for (int place = 0; place < pool * pool; ++place) {
        const int top = (row * pool + place / pool) * window.stride - window.padding;
        const int left = (col * pool + place % pool) * window.stride - window.padding;
        conv_at(l, x, in, window.size, top, left, place == 0 ? y : other);
        for (int o = 0; place > 0 && o < out.channels; ++o) y[o] = other[o] > y[o] ? other[o] : y[o];
      }
    }
  }
}
