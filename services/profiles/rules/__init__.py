"""What decides: values in, verdict out."""
