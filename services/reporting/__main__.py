"""`python -m services.reporting api|worker|migrate|all|rebuild`."""

from shared.start import run

if __name__ == "__main__":
    run("reporting")
