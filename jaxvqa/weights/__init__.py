"""The weights directory: everything a model needs, in two files that can be copied anywhere."""
