"""`python -m services.auth api|worker|all|migrate|rotate-key|replace-key|resync`."""

from shared.start import run

if __name__ == "__main__":
    run("auth")
