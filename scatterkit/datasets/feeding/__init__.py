"""From a set, or from nothing, to a network: batches for Keras."""
