"""Reading and writing the files of experiments and of other programs."""
