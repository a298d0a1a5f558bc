"""What people say about the system itself: 投诉建议. Nobody has to give a name."""
