/* y = x + table, all (tokens, width) */
static void position(const float *table, const float *x, int tokens, int width, float *y) {
  for (int i = 0; i < tokens * width; ++i) y[i] = x[i] + table[i];
}
