"""The simulated body: MuscleMimic's full body, mended, with couplings eliminated, scaled to a person."""
