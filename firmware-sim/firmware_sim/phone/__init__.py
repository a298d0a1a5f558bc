"""A telephone network in one page: every phone of the street, its messages, its buttons."""
