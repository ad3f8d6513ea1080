"""`python -m services.messaging api|worker|migrate|all`."""

from shared.start import run

if __name__ == "__main__":
    run("messaging")
