"""Who is responsible for a place, with the reason in a sentence."""
