/* Each row with mean 0 and variance 1, then y = x scale + shift: x (rows, cols) -> y */
static void layer_norm(const float *scale, const float *shift, const float *x, int rows, int cols, float *y) {
  for (int row = 0; row < rows; ++row, x += cols, y += cols) {
    float sum = 0, squares = 0;
    for (int col = 0; col < cols; ++col) sum += x[col];
    const float average = sum / (float)cols;
    for (int col = 0; col < cols; ++col) squares += (x[col] - average) * (x[col] - average);
    const float factor = 1 / sqrtf(squares / (float)cols + 1e-5f);
    for (int col = 0; col < cols; ++col) y[col] = (x[col] - average) * factor * scale[col] + shift[col];
  }
}
