/* Which digit is in a PNG file?  example_recognizer MODEL PICTURE.png */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>

#include "nn/recognizer.h"

static int fail(const char *text) {
  fprintf(stderr, "example_recognizer: error: %s\n", text);
  return 1;
}

int main(int argc, char **argv) {
  static char model[1 << 24];
  FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
  if (!file) return fail("expected MODEL and PICTURE.png");
  const size_t size = fread(model, 1, sizeof model, file);
  fclose(file);
  char error[NN_RECOGNIZER_ERROR_SIZE];
  nn_recognizer *recognizer = nn_recognizer_load(model, size, argv[1], error, sizeof error);
  if (!recognizer) return fail(error);

  png_image png = {.version = PNG_IMAGE_VERSION};
  if (!png_image_begin_read_from_file(&png, argv[2])) return fail(png.message);
  png.format = PNG_FORMAT_GRAY;
  const png_color white = {255, 255, 255};
  uint8_t *pixels = malloc(PNG_IMAGE_SIZE(png));
  if (!pixels || !png_image_finish_read(&png, &white, pixels, 0, NULL)) return fail("no picture");

  nn_recognition found;
  if (nn_recognizer_picture(recognizer, pixels, png.height, png.width, &found) != 0)
    return fail(nn_recognizer_error(recognizer));
  puts(found.status == NN_RECOGNIZED ? found.name : found.status_text);
  free(pixels);
  nn_recognizer_free(recognizer);
  return 0;
}
