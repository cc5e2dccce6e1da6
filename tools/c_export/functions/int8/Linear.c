typedef int8_t Weight;

typedef struct {
  int inputs, outputs;
  const Weight *weight; /* (inputs, outputs), those of output o in multiples of step[o] */
  const float *step;    /* (outputs) */
  const float *bias;    /* (outputs) */
} Linear;
