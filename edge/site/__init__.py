"""The site file: read strictly, checked whole, taken on trial."""
