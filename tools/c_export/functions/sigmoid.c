/* y = 1 / (1 + exp(-x)) */
static void sigmoid(const float *x, int count, float *y) {
  for (int i = 0; i < count; ++i) y[i] = 1 / (1 + expf(-x[i]));
}
