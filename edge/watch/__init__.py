"""What the gateway says of itself: status, self-watch, watchdog, local door, page, measurements."""
