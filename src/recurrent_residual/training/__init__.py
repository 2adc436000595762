"""Training a network end to end: `loop` is the training, the other files each one thing that it needs."""
