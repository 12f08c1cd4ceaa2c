#!/usr/bin/env python3
"""Reads a file that host wrote, with readers that nobody here wrote: pyarrow, and Python's own gzip.

    pip install pyarrow
    python3 archive.py FILE.parquet|FILE.gz|FILE.zst

Prints the rows of a Parquet file as one JSON object a line, and what is in a compressed file as it is.
"""

import gzip
import json
import shutil
import sys

import pyarrow
import pyarrow.parquet


def plain(value):
    """Times as events spell them: UTC, in milliseconds."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"


def main():
    path = sys.argv[1]
    if path.endswith(".parquet"):
        file = pyarrow.parquet.ParquetFile(path)
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                print(json.dumps(row, default=plain))
        return
    if path.endswith(".gz"):
        opened = gzip.open(path)
    else:
        opened = pyarrow.input_stream(path, compression="zstd")
    with opened:
        shutil.copyfileobj(opened, sys.stdout.buffer)


main()
