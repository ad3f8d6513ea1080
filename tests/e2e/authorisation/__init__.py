"""Who may do what: a table of every route and every kind of caller, and what is needed to try all of it through the gateway."""
