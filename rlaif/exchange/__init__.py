"""Reads users' inputs (file:line errors, streaming) and writes datasets, Parquet and JSON lines."""
