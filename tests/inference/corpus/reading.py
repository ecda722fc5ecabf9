"""Reading and writing small files in every form that a corpus may have."""

import gzip
import json
import lzma

import pyarrow
import pyarrow.parquet

from modeling_bert_bilstm.inference.corpus.files import FileCorpus
from modeling_bert_bilstm.inference.corpus.rows import Columns


COLUMNS = Columns("text", "film")
ROWS = [("Superb, from\nits first line.", "Alien"), ('So "dull".', "Alïen"), ("Fine.\u2028Really.", "Aliens")]


def read(path, columns=COLUMNS, start=0, **options):
    return list(FileCorpus(path, columns, **options).read_rows(start))


def write(path, content):
    content = content.encode() if isinstance(content, str) else content
    pack = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(content))
    return path


def to_csv(rows, delimiter=","):
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in rows]
    return "\n".join(delimiter.join(row) for row in [["text", "film"], *quoted]) + "\n"


def to_json_lines(rows):
    return "".join(json.dumps({"text": text, "film": film}, ensure_ascii=False) + "\n" for text, film in rows)


def write_rows(path, rows=ROWS):
    if path.suffix == ".parquet":
        columns = {name: [row[i] for row in rows] for i, name in enumerate(COLUMNS.names)}
        pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
        return path
    is_json = ".json" in path.name or ".ndjson" in path.name
    return write(path, to_json_lines(rows) if is_json else to_csv(rows, "\t" if ".tsv" in path.name else ","))
