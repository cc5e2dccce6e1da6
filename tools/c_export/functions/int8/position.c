/* y = x + table, all (tokens, width); column i of the table is in multiples of step[i] */
static void position(const int8_t *table, const float *step, const float *x, int tokens, int width, float *y) {
  for (int i = 0; i < tokens * width; ++i) y[i] = x[i] + (float)table[i] * step[i % width];
}
