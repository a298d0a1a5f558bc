"""Rules: typed, declarative, pure. Readings and a time go in, decisions come out."""
