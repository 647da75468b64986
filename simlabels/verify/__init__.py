"""Labels against measurements: EMG, force plates, OpenSim."""
