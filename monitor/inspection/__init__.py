"""`driftglass inspect`: what the texts of a file are like, without a contract or a store.

reading  the file, twice: once to learn how to read it, once to read it
report   what was found, for a person at a terminal
writing  the same as JSON, CSV or Parquet
"""
