"""What is allowed, when, and what it costs: values in, verdict out; no clock, no database."""
