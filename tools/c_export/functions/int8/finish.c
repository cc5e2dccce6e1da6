/* What accumulate() has summed up becomes the outputs. */
static void finish(const Linear *l, float *y) {
  for (int o = 0; o < l->outputs; ++o) y[o] = y[o] * l->step[o] + l->bias[o];
}
