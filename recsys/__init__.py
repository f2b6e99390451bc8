"""Tastespace: embedding-based recommendation that one can touch."""

import os

# The products here are small and many visitors share two cores: OpenBLAS threads that spin for each other made the
# slider's 101 lists cost 25 ms instead of 3. Only counts where it is set before NumPy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
