"""Pictures that tools share: their style, attention maps, runs beside each other."""
