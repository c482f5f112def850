"""The engine that runs procedures: the state machine, its worker and its store, and what commands see of it."""
