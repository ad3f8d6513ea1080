"""What can be done with accounts: each function is the inside of one transaction."""
