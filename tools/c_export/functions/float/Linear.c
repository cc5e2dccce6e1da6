typedef float Weight;

typedef struct {
  int inputs, outputs;
  const Weight *weight; /* (inputs, outputs) */
  const float *bias;    /* (outputs) */
} Linear;
