"""The contract between services: one module per publisher, one class per event. Published events never change."""
