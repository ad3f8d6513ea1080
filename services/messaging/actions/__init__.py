"""What people can do with messages: each function is the inside of one transaction."""
