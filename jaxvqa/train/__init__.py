"""Training of MaxVQA's head on features: losses, optimizer, step and loop."""
