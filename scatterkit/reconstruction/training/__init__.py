"""Training of networks that can be cut anywhere and goes on: steps, batches, checkpoints and records."""
