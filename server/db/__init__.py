"""The database: base of the tables, sessions, migrations."""
