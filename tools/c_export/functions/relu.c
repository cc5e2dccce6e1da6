/* y = max(x, 0) */
static void relu(const float *x, int count, float *y) {
  for (int i = 0; i < count; ++i) y[i] = x[i] > 0 ? x[i] : 0;
}
