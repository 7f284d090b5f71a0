"""CoLaKG's format: LightGCN's interactions in internal ids, maps to raw ids, and texts.

Format: https://github.com/ziqiangcui/CoLaKG, folder ``data``. ``train.txt`` and ``test.txt`` have a user with
all their items per line; ``user_map.txt`` and ``item_map.txt`` a raw id and its internal id. Both kinds of
ids are whole numbers, so one read as the other gives no error, only wrong data.
"""

import json
from pathlib import Path

import polars as pl

from kgrec.data.formats.kgat import read_interactions, read_numbers
from kgrec.data.formats.tsv import read_utf8
from kgrec.errors import InputError


def read_colakg_interactions(root: Path, item_map: pl.DataFrame) -> pl.DataFrame:
    """``user, item, split`` ("train" | "test") in raw ids.

    Args:
        root: folder of ``train.txt``, ``test.txt`` and ``user_map.txt``.
        item_map: ``item`` (raw id), ``internal_id``.

    Raises:
        InputError: a file is missing or malformed, or an internal id is not in its map.
    """
    user_map = read_numbers(root / "user_map.txt", ("user", "internal_id"))
    rows = pl.concat(
        [
            read_interactions(root / f"{part}.txt").with_columns(split=pl.lit(part))
            for part in ("train", "test")
        ]
    )
    for column, raw_ids in (("user", user_map), ("item", item_map)):
        unknown = rows.join(raw_ids, left_on=column, right_on="internal_id", how="anti")
        if len(unknown):
            raise InputError(
                f"{root / unknown['split'][0]}.txt: {column} {unknown[column][0]} is not in "
                f"{column}_map.txt; every internal id needs a raw one"
            )
        renamed = raw_ids.select(pl.col(column).alias("raw"), pl.col("internal_id").alias(column))
        rows = (
            rows.join(renamed, on=column, how="left", maintain_order="left")
            .with_columns(pl.col("raw").alias(column))
            .drop("raw")
        )
    return rows.select("user", "item", "split")


def read_texts(path: Path, key: str) -> pl.DataFrame:
    """``id, text`` of an object of texts, ``{"<id>": "<text>", …}``, in file order; empty texts are left out.

    Args:
        path: the JSON file.
        key: what the ids are, for the error.

    Raises:
        InputError: the file is missing or malformed.
    """
    try:
        texts = json.loads(read_utf8(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno}: no JSON ({error.msg})") from error
    if not (isinstance(texts, dict) and all(isinstance(text, str) for text in texts.values())):
        raise InputError(f'{path}: expected an object of texts, {{"<{key}>": "<text>", …}}')
    read = pl.DataFrame(
        {"id": list(texts), "text": list(texts.values())}, schema={"id": pl.String, "text": pl.String}
    )
    return read.with_columns(pl.col("text").str.strip_chars()).filter(pl.col("text") != "")
