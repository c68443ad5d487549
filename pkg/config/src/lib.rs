//! Layered configuration: typed by the target, every problem reported at once, secrets never printed.
