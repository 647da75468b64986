"""Questions of speed, one module each: python -m benchmarks.NAME [--json]."""
