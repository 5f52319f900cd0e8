"""The hub: judges what edge agents see, and shows it to a control room."""

import os

# Before numpy is loaded: the arrays are small and one thread judges, so helper threads of the linear algebra library
# only spin (measured: twice the processor time for the same readings).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
