typedef struct {
  int rows, cols, channels;
} Image;
