"""Motion files in: BVH, re-targeted to SMPL-24."""
