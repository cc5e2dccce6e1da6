// Two dense layers with nothing between them are one: (x L + l) R = x (L R) + l R.
#pragma once

#include "nn/core/matmul.hpp"

namespace nn {

// A dense layer (L, l) and the matrix R applied to its output.
struct CombinedFactors {
  Matrix left, left_bias;  // L (I, M), l (1, M)
  Matrix right;            // R (M, O), may be transposed
};

// forward: w = L R, b = l R      (I, O), (1, O), overwritten
inline void combine(const CombinedFactors& f, Matrix w, Matrix b) {
  matmul(f.left, f.right, w);
  matmul(f.left_bias, f.right, b);
}

// backward: dL = dw R^T, dl = db R^T, dR = L^T dw + l^T db, all overwritten
inline void combine_backward(const CombinedFactors& f, ConstMatrix dw, ConstMatrix db,
                             const CombinedFactors& df) {
  matmul(dw, transposed(f.right), df.left);
  matmul(db, transposed(f.right), df.left_bias);
  if (df.right.is_transposed) {
    matmul(transposed(dw), f.left, transposed(df.right));
    matmul_add(transposed(db), f.left_bias, transposed(df.right));
  } else {
    matmul(transposed(f.left), dw, df.right);
    matmul_add(transposed(f.left_bias), db, df.right);
  }
}

}  // namespace nn
