"""The page on which a person watches simulated devices and pushes faults by hand."""
