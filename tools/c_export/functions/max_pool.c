/* The largest of each size x size values of a channel: x (rows, cols, channels) -> y (rows', cols', channels),
   which may be where x is: no value is written before it is read. */
static void max_pool(int size, const float *x, Image in, float *y, Image out) {
  for (int row = 0; row < out.rows; ++row) {
    for (int col = 0; col < out.cols; ++col) {
      for (int channel = 0; channel < out.channels; ++channel) {
        const float *corner = x + (row * size * in.cols + col * size) * in.channels + channel;
        float largest = *corner;
        for (int i = 0; i < size * size; ++i) {
          const float value = corner[(i / size * in.cols + i % size) * in.channels];
          largest = value > largest ? value : largest;
        }
        *y++ = largest;
      }
    }
  }
}
