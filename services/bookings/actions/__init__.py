"""What people and time can do: each function is the inside of one transaction."""
