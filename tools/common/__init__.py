"""What every tool stands on: one-line errors, options, whole files, and the formats of the suite."""
