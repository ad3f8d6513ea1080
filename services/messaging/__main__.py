"""`python -m services.messaging api|worker|migrate|all|resync`."""

from shared.start import run

if __name__ == "__main__":
    run("messaging")
