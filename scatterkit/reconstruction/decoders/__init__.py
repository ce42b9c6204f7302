"""What a network's features stand for: voxels, half-spaces, a support function, or depth maps."""
