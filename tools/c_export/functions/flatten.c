/* An image channel by channel: x (rows, cols, channels) -> y (channels, rows, cols) */
static void flatten(const float *x, Image in, float *y) {
  for (int channel = 0; channel < in.channels; ++channel) {
    for (int place = 0; place < in.rows * in.cols; ++place) *y++ = x[place * in.channels + channel];
  }
}
