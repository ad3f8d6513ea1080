"""What people can do with profiles: each function is the inside of one transaction."""
