"""What a maintainer uses beside the running gateway; see docs/operations/tools.md."""
