"""How good models are: figures with intervals, tables, and a report in one file."""
