"""When a prediction is not sure."""

# The least probability of the likeliest class that counts as a prediction. Of MNIST's 10,000 test digits so
# many are below it or refused by their look (drawing/verdict.py): with mnist_mlp's defaults 1.6 %, with
# mnist_cnn's 1.3 %, with the README's model for drawn digits 0.7 %. src/cli/predict.cpp has
# the same number.
THRESHOLD = 0.4
