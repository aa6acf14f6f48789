"""Networks that a weights-only upload may name, built from code of our own. Child only.

A file of weights holds tensors and no program. Its upload names one of these networks; the child
builds it, loads the tensors and exports the whole, so nothing of the upload is executed. Layers
carry the names that published weights use: names are facts, and without them nothing loads.
"""
