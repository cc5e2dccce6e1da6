/* y = x Phi(x), with the normal distribution's Phi */
static void gelu(const float *x, int count, float *y) {
  for (int i = 0; i < count; ++i) y[i] = 0.5f * x[i] * (1 + erff(0.70710678f * x[i]));
}
