"""Labels: motion capture to joint torques, ground forces and 354 muscle activations by simulation."""
