"""SQL of the profiles service, and the rows it yields."""
