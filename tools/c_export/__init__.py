"""Networks as C: operations.py simplifies the layers, calls.py turns each into a call of one of the functions in
functions/, memory.py gives what flows between them its place, source.py writes the file, checking.py runs it.
"""
