"""`edgepose train strokes` beyond one process and one memory: Parquet parts, a Dask cluster, fsspec addresses."""
