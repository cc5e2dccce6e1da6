"""When an answer is not sure."""

# The least probability of the likeliest class that counts as an answer. Of MNIST's 10,000 test digits at most
# 1.5 % are below it or refused by their look (verdict.py): with mnist_mlp's defaults 1.5 %, with mnist_cnn's
# 1.2 %, with --augment 0.4 %. At 0.5 it would be 3.5 %, 3.5 % and 0.7 %.
THRESHOLD = 0.4
