/* softmax(q k^T / sqrt(width / heads)) v for each head, then the output's projection, if there is one.
   x (tokens, width) -> y (tokens, width), which may be x. `keys` and `values`: (tokens, width), `row`: 2 width + tokens
   values. */
static void attention(const Linear *query, const Linear *key, const Linear *value, const Linear *output, int heads,
                      const float *x, int tokens, float *keys, float *values, float *row, float *y) {
  const int width = query->inputs, part = width / heads;
  float *const q = row, *const mixed = row + width, *const weights = row + 2 * width;
  dense(key, x, tokens, keys);
  dense(value, x, tokens, values);
  for (int token = 0; token < tokens; ++token, x += width, y += width) {
    dense(query, x, 1, q);
    clear(mixed, width);
    for (int head = 0; head < width; head += part) {
      for (int t = 0; t < tokens; ++t) {
        float product = 0;
        for (int i = head; i < head + part; ++i) product += q[i] * keys[t * width + i];
        weights[t] = product / sqrtf((float)part);
      }
      softmax(weights, tokens);
      for (int t = 0; t < tokens; ++t) {
        for (int i = head; i < head + part; ++i) mixed[i] += weights[t] * values[t * width + i];
      }
    }
    if (output) {
      dense(output, mixed, 1, y);
    } else {
      for (int i = 0; i < width; ++i) y[i] = mixed[i];
    }
  }
}
