"""Item text from the columns of an item table."""

from string import Formatter

import polars as pl

from kgrec.errors import InputError


class TextTemplate:
    """A template such as ``"{title}. {description}"`` over the columns of a table.

    An empty value leaves its place empty; an item whose values are all empty has no text. ``{{`` and ``}}``
    stand for braces.

    Args:
        template: text with column names in braces.

    Raises:
        InputError: unbalanced braces, no column at all, or anything in braces that is no bare column name.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        try:
            self._parts = list(Formatter().parse(template))
        except ValueError as error:
            raise InputError(f"text_template {template!r}: {error}") from error
        self.columns = [column for _, column, _, _ in self._parts if column is not None]
        if not self.columns or not all(self.columns) or any(spec or conv for _, _, spec, conv in self._parts):
            raise InputError(
                f"text_template {template!r}: expected column names in braces, such as '{{title}}. {{plot}}'"
            )

    def render(self, frame: pl.DataFrame, source: str) -> pl.Series:
        """Texts of all rows.

        Args:
            frame: the item table.
            source: how to name the table in an error.

        Returns:
            ``text`` (string), null where every value is empty.

        Raises:
            InputError: a column that the table does not have, or one of lists.
        """
        for name in self.columns:
            if name not in frame.columns:
                raise InputError(
                    f"text_template {self.template!r}: {source} has no column {name!r}; "
                    f"columns there are: {', '.join(frame.columns)}"
                )
            if frame.schema[name].is_nested():
                raise InputError(
                    f"text_template {self.template!r}: column {name!r} of {source} holds "
                    f"{frame.schema[name]}, expected single values"
                )
        values = {name: pl.col(name).cast(pl.String).fill_null("") for name in self.columns}
        pieces: list[pl.Expr] = []
        for literal, column, _, _ in self._parts:
            pieces.append(pl.lit(literal))
            if column is not None:
                pieces.append(values[column])
        has_text = pl.any_horizontal([value.str.strip_chars() != "" for value in values.values()])
        text = pl.concat_str(pieces).str.strip_chars()
        return frame.select(text=pl.when(has_text).then(text))["text"]
