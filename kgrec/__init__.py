"""kgrec: knowledge graphs × small language models × recommendation, measured."""

__version__ = "0.1.0"
