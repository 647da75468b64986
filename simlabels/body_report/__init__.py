"""`biohuman-labels body`: the muscles of the simulated body, and how the mending changed them against OpenSim's."""
