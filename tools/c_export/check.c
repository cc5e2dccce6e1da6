/* Runs an exported network on every image of standard input, PIXELS bytes each; the class, an int, and the
   probabilities, floats, go to standard output, and the seconds that an image took to standard error. */
#include <stdio.h>
#include <time.h>

#include "model.c"

int main(void) {
  uint8_t pixels[PIXELS];
  float probabilities[CLASSES];
  clock_t ticks = 0;
  long images = 0;
  for (; fread(pixels, 1, sizeof pixels, stdin) == sizeof pixels; ++images) {
    const clock_t start = clock();
    const int best = CLASSIFY(pixels, probabilities);
    ticks += clock() - start;
    fwrite(&best, sizeof best, 1, stdout);
    fwrite(probabilities, sizeof probabilities, 1, stdout);
  }
  fprintf(stderr, "%.9g\n", (double)ticks / CLOCKS_PER_SEC / (double)images);
  return fflush(stdout) != 0;
}
