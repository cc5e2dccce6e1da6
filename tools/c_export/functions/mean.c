/* The mean of the rows: x (rows, cols) -> y (cols) */
static void mean(const float *x, int rows, int cols, float *y) {
  clear(y, cols);
  for (int i = 0; i < rows * cols; ++i) y[i % cols] += x[i];
  for (int col = 0; col < cols; ++col) y[col] /= (float)rows;
}
