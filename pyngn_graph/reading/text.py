"""Tables as they lie in files: bytes become rows of text, whatever program wrote them."""

import csv
import io
import re
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pyngn_graph.disk import expanded
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.values import with_points
from pyngn_graph.unpacking import unpacked

SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars", " ": "spaces"}

_SPACES = re.compile(r"\S\s+\S")
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True)
class Rows:
    """The lines of a table, cut into entries.

    Attributes:
        title: What errors call it, e.g. ``"'edges.csv'"``.
        text: All of it.
        separator: What stands between entries.
        entries: The rows, the header among them, without blank lines and comments.
        comments: The lines of comment before the first row, without their sign.
        note: How it was read, in words.
    """

    title: str
    text: str
    separator: str
    entries: list[list[str]]
    comments: list[str]
    note: str

    @cached_property
    def lines(self) -> list[int]:
        """The number of the line on which each row ends; found when a fault is to be shown."""
        numbers: list[int] = []
        _cut(self.text, self.separator, self.title, numbers)
        return numbers


def rows_of(path: str | Path) -> Rows:
    """The rows of the file of a table; its encoding and its separator are found in it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no text, or no table.
    """
    path = expanded(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'")
    content = path.read_bytes()
    title = f"'{path.name}'"
    if path.suffix.lower() == ".gz":
        try:
            content = unpacked(content)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise ValueError(f"{title} is no readable gzip file ({error}); unpack it") from error
    text, encoding = decoded(content, title)
    return rows_in(text, title, encoding)


def decoded(content: bytes, title: str) -> tuple[str, str]:
    """Text in UTF-8, UTF-16 or, as Windows writes it, cp1252; and which of them.

    Raises:
        ValueError: If it is no text.
    """
    encoding = "utf-8-sig" if content.startswith(BOM_UTF8) else "utf-8"
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        encoding = "utf-16"
    elif content[1:64:2].count(0) > 8 or (len(content) > 3 and content[1] == content[3] == 0):
        encoding = "utf-16-le"
    elif content[:64:2].count(0) > 8 or (len(content) > 3 and content[0] == content[2] == 0):
        encoding = "utf-16-be"
    fault = "bytes that no text has"
    for each in (encoding,) if encoding != "utf-8" else ("utf-8", "cp1252", "latin-1"):
        try:
            text = content.decode(each)
        except UnicodeDecodeError as error:
            fault = str(error)
            continue
        if _BINARY.search(text) is None:
            return text.lstrip("\ufeff"), each.removesuffix("-sig")
    raise ValueError(
        f"{title} is no text in UTF-8, UTF-16 or cp1252 ({fault}); save it as a table, e.g. CSV"
    )


def rows_in(text: str, title: str, encoding: str = "utf-8") -> Rows:
    """The rows of the text of a table.

    Raises:
        ValueError: If it cannot be cut into rows.
    """
    separator = separator_of(text)
    entries, comments = _cut(text, separator, title)
    note = f"separated by {SEPARATORS[separator]}"
    note += "" if encoding == "utf-8" else f", in {encoding}"
    return Rows(title, text, separator, entries, comments, note)


def separator_of(text: str) -> str:
    """What separates the entries of a table: a tab, a semicolon, a comma, a bar, or spaces."""
    first = ""
    for line in text.splitlines():
        declared = re.fullmatch(r"\s*sep=(.)\s*", line, re.IGNORECASE)
        if declared and declared[1] in SEPARATORS:
            return declared[1]
        if line.strip() and not line.lstrip().startswith(("#", "%")):
            first = re.sub(r'"[^"]*"', "x", line)
            break
    counts = {sign: first.count(sign) for sign in ("\t", ";", ",", "|")}
    best = max(counts, key=lambda sign: counts[sign])
    if counts[best]:
        return best
    return " " if _SPACES.search(first) else ","


def _cut(
    text: str, separator: str, title: str, numbers: list[int] | None = None
) -> tuple[list[list[str]], list[str]]:
    """Rows, and comments before them; if asked, the numbers of the rows' lines as well."""
    entries: list[list[str]] = []
    comments: list[str] = []
    lines = io.StringIO(text, newline=None).readlines()  # other signs break no lines of tables
    start = 0
    for line in lines:  # before the first row: blank lines, comments, and Excel's 'sep=;'
        bare = line.strip()
        if bare and not bare.startswith(("#", "%")) and not re.fullmatch(r"(?i)sep=.", bare):
            break
        if bare.startswith(("#", "%")):
            comments.append(bare.lstrip("#% \t"))
        start += 1
    if separator == " ":
        for number, line in enumerate(lines[start:], start + 1):
            row = line.split()
            if row and not row[0].startswith("#"):
                entries.append([entry.strip('"') for entry in row])
                if numbers is not None:
                    numbers.append(number)
        return entries, comments
    reader = csv.reader(lines[start:], delimiter=separator)
    try:
        if numbers is None:
            entries = [row for row in reader if "".join(row).strip()]
        else:
            for row in reader:
                if "".join(row).strip():
                    numbers.append(start + reader.line_num)
    except csv.Error as error:
        raise ValueError(
            f"{title} is no readable table, line {start + reader.line_num} ({error}); mend it"
        ) from error
    return entries, comments


def columns_of(
    rows: Rows, header: list[str], body: list[list[str]], first: int
) -> dict[str, list[str]]:
    """The columns of a table without spaces around their entries.

    Columns without a name hold the numbers that spreadsheets give to rows and are left out.

    Args:
        rows: The table.
        header: Names of the columns.
        body: The rows below.
        first: Place of the first of them in ``rows.entries``.

    Raises:
        ValueError: If a name stands twice, or rows have another length than the header.
    """
    header = [name.strip() for name in header]
    seen: dict[str, str] = {}
    for name in header:
        if name and name.lower() in seen:
            raise ValueError(
                f"{rows.title} has the column {name!r} twice ({header}); drop one, or rename it"
            )
        seen[name.lower()] = name
    width = len(header)
    if any(len(row) != width for row in body):
        body = [row if any(row[width:]) else row[:width] for row in body]  # 'a,b,0.5,'
    if any(len(row) != width for row in body):
        faults = Faults(rows.title, "Mend these rows, or drop them")
        for i, row in enumerate(body):
            if len(row) != width:
                faults.add_line(
                    f"{place_in(rows, first)(i)} must have {width} entries (got {len(row)})"
                )
        faults.check()
    spaced = rows.separator != " " and re.search(r"[^\S\r\n]", rows.text) is not None
    columns = {}
    for k, name in enumerate(header):
        if name and not name.startswith("Unnamed: "):
            column = [row[k] for row in body]
            column = [entry.strip() for entry in column] if spaced else column
            # Between commas, an entry with a comma may be anything.
            columns[name] = column if rows.separator == "," else with_points(column)
    return columns


def place_in(rows: Rows, first: int) -> Callable[[int], str]:
    """Names row i below the header, with the number of its line in the file."""
    return lambda i: f"row {i + 1} (line {rows.lines[first + i]})"
