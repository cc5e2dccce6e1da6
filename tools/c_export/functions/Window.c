typedef struct {
  int size, stride, padding; /* padding: zeros before the first row and column */
} Window;
