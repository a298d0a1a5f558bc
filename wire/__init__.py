"""What crosses between gateway and server: words, topics, bytes. No input or output here."""
