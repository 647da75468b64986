"""Labelled motion as video: drawn people perform it, the tracker's own front end looks at them, both are kept."""
