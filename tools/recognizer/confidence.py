"""When a prediction is "not sure"."""

# The smallest probability of the likeliest class that counts as a prediction. Of MNIST's 10,000 test digits, 1.6 %
# are below it or rejected by drawing/screen.py with mnist_mlp's defaults, 1.3 % with mnist_cnn's, 0.8 % with the
# README's model for drawn digits. src/cli/predict.cpp has the same number.
MIN_CONFIDENCE = 0.4
