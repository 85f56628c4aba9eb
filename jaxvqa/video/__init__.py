"""Video files to the two views that the encoders look at."""
