"""Rules that hold in a graph: mined, counted, read backwards as reasons."""
