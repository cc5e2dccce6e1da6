/* Bytes, 0 to 255, as 0 to 1 */
static void from_bytes(const uint8_t *bytes, int count, float *y) {
  for (int i = 0; i < count; ++i) y[i] = (float)bytes[i] / 255;
}
