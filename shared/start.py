"""The start of a service's process.

Loading makes hundreds of thousands of objects that all stay. The garbage collector would look through them again and again (a
sixth of the time that a start takes), and later at every full collection: it waits until all is loaded, and leaves that alone."""

import gc
import importlib


def run(service: str) -> None:
    """`python -m services.<service>`: load it, then do what the command line says."""
    gc.disable()
    declared = importlib.import_module(f"services.{service}.app").service
    main = importlib.import_module("shared.service").main
    gc.freeze()
    gc.enable()
    main(declared)
