/* y = x where x > 0, else x / 100 */
static void leaky_relu(const float *x, int count, float *y) {
  for (int i = 0; i < count; ++i) y[i] = x[i] > 0 ? x[i] : 0.01f * x[i];
}
