"""Photos of items: optional, without where and when they were taken."""
