/* y (outputs) += x (count) times the rows of the weights from `first` on. Zeros, such as empty paper, cost nothing. */
static void accumulate(const Linear *l, int first, const float *x, int count, float *y) {
  const Weight *weight = l->weight + first * l->outputs;
  for (int i = 0; i < count; ++i, weight += l->outputs) {
    if (x[i] == 0) continue;
    for (int o = 0; o < l->outputs; ++o) y[o] += x[i] * (float)weight[o];
  }
}
