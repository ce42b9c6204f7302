"""Artifacts as an experiment makes them: filters on log-scaled patterns, in NumPy and in Keras."""
