"""Networks. Shape suffixes: B batch, T time, J 24 joints, L 33 landmarks, M 354 muscles, D width."""
