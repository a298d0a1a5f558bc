"""Who may do what: operators, sessions, links."""
