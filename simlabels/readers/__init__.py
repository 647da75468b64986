"""Motion files in: BVH, re-targeted to SMPL-24, and AMASS-style .npz."""
