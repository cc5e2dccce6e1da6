/* y = tanh(x) */
static void hyperbolic_tangent(const float *x, int count, float *y) {
  for (int i = 0; i < count; ++i) y[i] = tanhf(x[i]);
}
