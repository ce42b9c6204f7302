"""Generating sets of any size: samples, the store on disk, resuming, workers."""
