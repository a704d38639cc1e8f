"""Makes the Parquet fixtures of crates/ganymede/tests/fixtures, as the Hugging Face hub lays its image sets out.

    python reference/parquet.py        (needs pyarrow, pillow)
"""
import io
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = pathlib.Path(__file__).parent.parent / "crates/ganymede/tests/fixtures"


def picture(number):
    file = io.BytesIO()
    kind = "PNG" if number % 2 == 0 else "JPEG"
    Image.new("RGB", (6, 4), (20 * number, 40, 60)).save(file, kind)
    return {"bytes": file.getvalue(), "path": f"{number}.{kind.lower()}"}


features = {
    "image": {"_type": "Image"},
    "label": {"names": ["cat", "dog", "emu"], "_type": "ClassLabel"},
    "text": {"dtype": "string", "_type": "Value"},
}
schema = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("label", pa.int64()),
        ("text", pa.string()),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": features}})},
)
table = pa.table(
    {
        "image": [picture(number) for number in range(8)],
        "label": [number % 3 for number in range(8)],
        "text": [f"picture {number}" if number < 7 else None for number in range(8)],
    },
    schema=schema,
)
pq.write_table(table, HERE / "snappy.parquet", compression="snappy", row_group_size=5)
pq.write_table(table, HERE / "plain.parquet", compression="none", use_dictionary=False, data_page_version="2.0")
pq.write_table(pa.table({"a": [1, 2], "b": [0.5, 1.5]}), HERE / "numbers.parquet")
