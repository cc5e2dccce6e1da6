// xor_plain: the network of mlp_simple as a textbook writes it, to measure mlp_simple against.
// 2 -> 4 sigmoid -> 1 sigmoid in double, squared error, per-sample SGD at 0.01, exp() of libm.
// Run:  cc -O3 -march=native xor_plain.c -lm -o xor_plain && ./xor_plain 1000000 42
// Expect:  "<seconds> 0.000107", the loss being the mean squared error of the last epoch.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { INPUTS = 2, HIDDEN = 4, SAMPLES = 4 };

static uint64_t state;

static double uniform(void) {  // in [-0.5, 0.5)
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return -0.5 + (double)(state >> 32) * 0x1p-32;
}

static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

static double now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    const long epochs = argc > 1 ? atol(argv[1]) : 1000000;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 42;
    if (state == 0) state = 0x9e3779b97f4a7c15;

    const double x[SAMPLES][INPUTS] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
    const double y[SAMPLES] = {0, 1, 1, 0};
    const double lr = 0.01;
    double w1[INPUTS][HIDDEN], b1[HIDDEN], w2[HIDDEN], b2, loss = 0;
    for (int i = 0; i < INPUTS; i++)
        for (int j = 0; j < HIDDEN; j++) w1[i][j] = uniform();
    for (int j = 0; j < HIDDEN; j++) b1[j] = uniform();
    for (int j = 0; j < HIDDEN; j++) w2[j] = uniform();
    b2 = uniform();

    const double start = now();
    for (long epoch = 0; epoch < epochs; epoch++) {
        loss = 0;
        for (int s = 0; s < SAMPLES; s++) {
            double h[HIDDEN], dh[HIDDEN], out = b2;
            for (int j = 0; j < HIDDEN; j++) {
                double sum = b1[j];
                for (int i = 0; i < INPUTS; i++) sum += x[s][i] * w1[i][j];
                h[j] = sigmoid(sum);
                out += h[j] * w2[j];
            }
            out = sigmoid(out);
            const double error = y[s] - out;
            loss += error * error / SAMPLES;

            const double dout = error * out * (1 - out);
            for (int j = 0; j < HIDDEN; j++) {
                dh[j] = dout * w2[j] * h[j] * (1 - h[j]);  // with w2 from before its update
                w2[j] += lr * dout * h[j];
            }
            b2 += lr * dout;
            for (int j = 0; j < HIDDEN; j++) {
                for (int i = 0; i < INPUTS; i++) w1[i][j] += lr * dh[j] * x[s][i];
                b1[j] += lr * dh[j];
            }
        }
    }
    printf("%.6f %.6f\n", now() - start, loss);
    return 0;
}
