"""Search of a model's settings on validation: trials of several workers, kept in one Optuna study."""
