"""The published data: measured patterns, sample sets, and samplers that draw as these sets do."""
