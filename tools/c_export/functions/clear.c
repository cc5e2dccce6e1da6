static void clear(float *y, int count) {
  for (int i = 0; i < count; ++i) y[i] = 0;
}
