"""From programs to records to pages. Imports no torch."""
