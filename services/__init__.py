"""The services of EduStream: one flat package each, none of which imports another."""
