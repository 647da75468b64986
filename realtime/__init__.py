"""Live tracking: camera or file in, SMPL pose and muscle activations out over ZeroMQ.

Imports nothing, so that `import realtime.body` needs numpy alone.
"""
