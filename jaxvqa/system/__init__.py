"""Files, processes, devices, the terminal."""
