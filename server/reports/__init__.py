"""Reports for the meetings of an area: places and hazards, never people."""
