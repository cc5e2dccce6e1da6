/* Which digit is in a PNG file?  example_recognizer mnist_model.bin digit.png */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>

#include "nn/recognizer.h"

static int fail(const char *text) {
  fprintf(stderr, "example_recognizer: error: %s\n", text);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 3) return fail("expected MODEL and PICTURE.png");

  FILE *file = fopen(argv[1], "rb");
  if (!file) return fail("the model cannot be read");
  static char model[1 << 24];
  const size_t size = fread(model, 1, sizeof model, file);
  fclose(file);

  char error[NN_RECOGNIZER_ERROR_SIZE];
  nn_recognizer *recognizer = nn_recognizer_load(model, size, argv[1], error, sizeof error);
  if (!recognizer) return fail(error);

  png_image png = {.version = PNG_IMAGE_VERSION};
  if (!png_image_begin_read_from_file(&png, argv[2])) return fail(png.message);
  png.format = PNG_FORMAT_GRAY;
  uint8_t *pixels = malloc(PNG_IMAGE_SIZE(png));
  const png_color white = {255, 255, 255};
  if (!pixels || !png_image_finish_read(&png, &white, pixels, 0, NULL)) return fail(png.message);

  nn_recognition found;
  if (nn_recognizer_picture(recognizer, pixels, png.height, png.width, &found) != 0) {
    return fail(nn_recognizer_error(recognizer));
  }
  if (found.verdict == NN_RECOGNIZED) {
    printf("%s (%.1f %%)\n", found.name, 100.0 * (double)found.probabilities[found.label]);
  } else {
    printf("%s\n", found.verdict_text);
  }
  free(pixels);
  nn_recognizer_free(recognizer);
  return 0;
}
