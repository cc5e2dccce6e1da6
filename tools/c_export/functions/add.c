/* y = a + b */
static void add(const float *a, const float *b, int count, float *y) {
  for (int i = 0; i < count; ++i) y[i] = a[i] + b[i];
}
