"""What happens when nobody acts: due rows and one loop."""
