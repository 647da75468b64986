"""The vocabulary: skeleton, muscles, landmarks, rotations, frame types, file contracts. numpy and standard library only.

The one folder that `realtime`, `simlabels` and `trainer` all import.
"""
