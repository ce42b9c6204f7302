"""What networks are trained by: the pattern that a body scatters, the body itself, or both."""
