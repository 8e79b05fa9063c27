"""Command: what a desk writes and reads together: the hand-over note of a shift, the day on one page."""
