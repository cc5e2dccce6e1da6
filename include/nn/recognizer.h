/* A recognizer for programs in any language: prepares a drawing or a picture as those that a network has learned
 * from (MNIST's digits, unless its model says otherwise), refuses what is not a single one, and asks the network.
 *
 *   char error[NN_RECOGNIZER_ERROR_SIZE];
 *   nn_recognizer *r = nn_recognizer_load(bytes, size, "mnist_model.bin", error, sizeof error);
 *   if (!r) return fail(error);
 *   nn_recognition found;
 *   if (nn_recognizer_picture(r, pixels, rows, cols, &found) != 0) return fail(nn_recognizer_error(r));
 *   if (found.status == NN_RECOGNIZED) puts(found.name);
 *   nn_recognizer_free(r);
 *
 * Plain C99. Functions that return an int return 0, or -1 with a text in nn_recognizer_error(): one line,
 * UTF-8, without a newline. No exception and no exit() comes out of them. There is no global state: any
 * number of recognizers may be used at once, each by one thread at a time. What they return belongs to the
 * recognizer and stays as it is until the next call that recognises or explains with it, or frees it.
 */
#ifndef NN_RECOGNIZER_H
#define NN_RECOGNIZER_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define NN_RECOGNIZER_API __attribute__((visibility("default")))
#else
#define NN_RECOGNIZER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Of this interface: grows by one when something in it changes or is taken away. Additions leave it. */
#define NN_RECOGNIZER_VERSION 1
NN_RECOGNIZER_API int nn_recognizer_version(void);

enum {
  NN_RECOGNIZER_ERROR_SIZE = 512,       /* bytes that hold every error text, its 0 included */
  NN_RECOGNIZER_MAX_POINTS = 1000000,   /* of all strokes together */
  NN_RECOGNIZER_MAX_PIXELS = 1 << 26    /* of a picture */
};

typedef struct nn_recognizer nn_recognizer;

/* A model file, .safetensors or .bin, whose `size` bytes are copied. `name` is what error texts call it.
 * NULL, and the reason in `error`, if it is no whole model or memory ran out. */
NN_RECOGNIZER_API nn_recognizer *nn_recognizer_load(const void *bytes, size_t size, const char *name,
                                                    char *error, size_t error_size);
NN_RECOGNIZER_API void nn_recognizer_free(nn_recognizer *recognizer); /* NULL: nothing happens */

/* Why the last call returned -1, "" if none did. */
NN_RECOGNIZER_API const char *nn_recognizer_error(const nn_recognizer *recognizer);

/* Classes, and their names, UTF-8; NULL beyond the last. nn_recognizer_classes() counts those that can be
 * recognised; a class for non-digits, if the network has learned one, comes after them and is not counted. */
NN_RECOGNIZER_API size_t nn_recognizer_classes(const nn_recognizer *recognizer);
NN_RECOGNIZER_API const char *nn_recognizer_class_name(const nn_recognizer *recognizer, size_t label);

/* The pixels of an image that the network takes. */
NN_RECOGNIZER_API size_t nn_recognizer_rows(const nn_recognizer *recognizer);
NN_RECOGNIZER_API size_t nn_recognizer_cols(const nn_recognizer *recognizer);

/* How pictures are prepared for it: "digits", "drawings" or "pictures" (include/nn/data/preparation.hpp). */
NN_RECOGNIZER_API const char *nn_recognizer_preparation(const nn_recognizer *recognizer);

/* The layers, as the programs' --layers takes them: "dense 512, relu, dense 10". */
NN_RECOGNIZER_API const char *nn_recognizer_network(const nn_recognizer *recognizer);

/* Below this probability, 0 to 1, the status is NN_NOT_SURE. At first it is 0.4. */
NN_RECOGNIZER_API double nn_recognizer_threshold(const nn_recognizer *recognizer);
NN_RECOGNIZER_API int nn_recognizer_set_threshold(nn_recognizer *recognizer, double threshold);

enum {
  NN_RECOGNIZED,
  NN_NOTHING_DRAWN,
  NN_TOO_SMALL,
  NN_NOT_ONE_DIGIT,
  NN_NOT_SURE,
  NN_LINES_ACROSS, /* ruled paper */
  NN_NOT_ONE_DRAWING
};

typedef struct nn_recognition {
  int status;                 /* NN_RECOGNIZED, or why there is no answer */
  const char *status_text;    /* "digit", "recognised", "nothing drawn", "too small", "not a single digit", ... */
  int label;                  /* the class, -1 unless NN_RECOGNIZED */
  const char *name;           /* the class's name, NULL unless NN_RECOGNIZED */
  const float *probabilities; /* (classes), NULL if the network was not asked; without a class for non-digits,
                                 whose probability is what is missing to a sum of 1 */
  size_t classes;
  const uint8_t *pixels; /* (rows, cols), what the network sees: 0 paper .. 255 ink */
  size_t rows, cols;
} nn_recognition;

/* What strokes are drawn on, in their unit, from 0, 0 to its width and height: models of whole pictures see all
 * of it, for others it does not matter. At first it has no size. */
NN_RECOGNIZER_API int nn_recognizer_set_canvas(nn_recognizer *recognizer, double width, double height);

/* A drawing: `points` are x, y, x, y, ..., x to the right and y down, in any unit; `lengths` says how many
 * points each of the `strokes` has. `pen` is the pen's width on screen in the same unit, or 0: a digit or
 * a drawing that is not larger is too small. Models of whole pictures need a pen and a canvas above 0. Fails on a
 * NaN, a number beyond 1e9, too many points. */
NN_RECOGNIZER_API int nn_recognizer_strokes(nn_recognizer *recognizer, const double *points,
                                            const size_t *lengths, size_t strokes, double pen,
                                            nn_recognition *result);

/* A grey picture of any size, (rows, cols), 0 black .. 255 white, dark on light or light on dark, in which a
 * digit or a drawing is looked for, unless the model takes whole pictures. */
NN_RECOGNIZER_API int nn_recognizer_picture(nn_recognizer *recognizer, const uint8_t *pixels, size_t rows,
                                            size_t cols, nn_recognition *result);

/* An image of the network's own size, 0 paper .. 255 ink, as it is: an image of MNIST. */
NN_RECOGNIZER_API int nn_recognizer_image(nn_recognizer *recognizer, const uint8_t *pixels, size_t rows,
                                          size_t cols, nn_recognition *result);

typedef struct nn_explanation {
  int label;             /* the likeliest class, about which this is */
  const float *saliency; /* (rows, cols): d log(p / (1 - p)) / d pixel, p the class's probability and the pixel
                            0 .. 1: above 0 where more ink would speak for the class */
  size_t rows, cols;
  const float *attention; /* (heads, tokens, tokens) of the first attention layer, NULL if there is none: row i
                             is how much token i takes from each, and sums to 1 */
  size_t heads, tokens;
  size_t token_rows, token_cols; /* how the tokens lie on the image; 0 if they are not patches of it */
} nn_explanation;

/* Of the last recognition in which the network was asked. It takes several times as long. */
NN_RECOGNIZER_API int nn_recognizer_explain(nn_recognizer *recognizer, nn_explanation *result);

/* A picture as models of such a preparation are shown it, without one, to make a data set of: into `prepared`,
 * (prepared_rows, prepared_cols). `preparation` is the JSON of preparation.json, {"preparation": "digits"}; digits
 * are 28x28, drawings are square. Returns the status, NN_RECOGNIZED if a network would be asked, or -1, and the
 * reason in `error`. */
NN_RECOGNIZER_API int nn_prepare_picture(const char *preparation, const uint8_t *pixels, size_t rows, size_t cols,
                                         uint8_t *prepared, size_t prepared_rows, size_t prepared_cols,
                                         char *error, size_t error_size);

#ifdef __cplusplus
}
#endif

#endif
