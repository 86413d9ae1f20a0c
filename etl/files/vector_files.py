"""GeoPackage, FlatGeobuf, shapefiles and their dbf, read through GDAL in batches."""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
import pyogrio.raw

from coagg.errors import CoaggError
from coagg.etl.files import encodings, geometry, limits
from coagg.etl.files.packed import SHAPE_PARTS, Source
from coagg.etl.files.received import FileState, open_binary
from coagg.etl.files.table_file import Fits, checked_headers, without_nul
from coagg.etl.files.text_records import Malformed
from coagg.etl.files.typed_files import TypedFile, is_bytes, text_table

_DBF_VERSIONS = (0x03, 0x30, 0x31, 0x43, 0x63, 0x83, 0x8B, 0xCB, 0xF5)
MOST_LAYERS = 1_000
# The drivers of GDAL that may read a format, and names they know it by.
_DRIVERS = {
    "gpkg": (("GPKG", "SQLite"), (".gpkg", ".sqlite")), "fgb": (("FlatGeobuf",), (".fgb",)),
    "shp": (("ESRI Shapefile",), (".shp",)), "dbf": (("ESRI Shapefile",), (".dbf",)),
}  # fmt: skip


def format_of(start: bytes) -> str | None:
    """gpkg (any SQLite file), fgb, shp or dbf, by the first bytes of a file."""
    if start.startswith(b"SQLite format 3\0"):
        return "gpkg"
    if start.startswith(b"fgb"):
        return "fgb" if start[3:7] == b"\3fgb" else None
    if start.startswith(b"\0\0\x27\x0a"):
        return "shp"
    # a dbf: version, a date, and a head of 32 bytes for each column
    if len(start) > 32 and start[0] in _DBF_VERSIONS and 1 <= start[2] <= 12 and start[3] <= 31:
        size = int.from_bytes(start[8:10], "little")
        if size > 32 and size % 32 in (1, 8, 2, 0) and start[12:14] == b"\0\0":
            return "dbf"
    return None


class _Layer(NamedTuple):
    """A layer of a file: its columns, whether rows have a geometry, and how many they are."""

    name: str
    fields: list[str]
    shape: str | None
    crs: str | None
    rows: int


@contextmanager
def _nothing_made_up(path: Path) -> Iterator[None]:
    """Refuse a number that GDAL cannot read: with a warning alone it takes what it can, or 0."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        yield
    for one in said:
        told = " ".join(str(one.message).split())
        if "parsed incompletely" in told:
            raise CoaggError(f"{path}: {told[:200].rstrip('.')}; mend the value, or fetch it again")


class VectorFile(TypedFile):
    """One layer of a file: the named one, or the one that has the headers wanted.

    The geometry gives two columns of coordinates. Text of a shapefile is decoded here, in the
    encoding that fits all of it, as its .cpg may be wrong or missing.
    """

    def __init__(
        self,
        path: Path,
        state: FileState,
        source: Source,
        kind: str,
        stated: str | None = None,
        layer: str | None = None,
        fits: Fits | None = None,
    ) -> None:
        """Read what the file says of its layers. Raises CoaggError."""
        self.format = kind + source.suffix
        super().__init__(path, state, source)
        self._dbf = kind in ("shp", "dbf")
        self._drivers, suffixes = _DRIVERS[kind]
        if not self._dbf and self.data.suffix.lower() not in suffixes:
            self.data = self._under_name(suffixes)
        self._received = [(path, self.sha256)]
        self._beside: list[tuple[Path, FileState]] = []
        if self._dbf:
            self._with_parts(kind)
        if stated and not self._dbf:
            raise CoaggError(f"{path}: says itself which encoding it is in; leave out --encoding")
        self._codec = "latin-1"
        layers = self._layers()
        self._layer = self._choose(layers, layer, fits)
        if not self._dbf:
            self.sheet = self._layer.name
        if self._layer.rows == 0:
            raise CoaggError(f"{path}: has a header but no rows; is it the right file?")
        if self._dbf:
            self._find_encoding(stated)
        shown = [self._decoded(name) for name in self._layer.fields]
        self.headers = checked_headers(path, shown)
        self._names = dict(zip(self.headers, self._layer.fields, strict=True))
        self._points = geometry.Points()
        if self._layer.shape is not None:
            self.point = geometry.headers_of_point(self.headers)
            self.headers += self.point
            self._system = geometry.System(self._layer.crs)
            self.crs = self._system.datum
            self.notes += self._system.notes
        if not self.headers:
            raise CoaggError(f"{path}: has no columns")

    def _under_name(self, suffixes: tuple[str, ...]) -> Path:
        """A link to the file under a name that its driver knows; GDAL goes by names too."""
        self._folder = tempfile.TemporaryDirectory(prefix="coagg-")
        with open_binary(self.data) as file:
            package = file.read(72)[68:] in (b"GPKG", b"GP10", b"GP11")
        link = Path(self._folder.name) / f"table{suffixes[0 if package else -1]}"
        link.symlink_to(self.data.resolve())
        return link

    def _with_parts(self, kind: str) -> None:
        """Hash the files that belong to a shapefile too. Raises CoaggError where one is missing."""
        if self.data.suffix.lower() != f".{kind}":
            raise CoaggError(f"{self.path}: is a .{kind} file by another name; rename it")
        found = {
            file.suffix.lower(): file
            for file in self.data.parent.iterdir()
            if file.stem == self.data.stem and file.suffix.lower() in SHAPE_PARTS
        }
        if kind == "shp" and ".dbf" not in found:
            raise CoaggError(
                f"{self.path}: lacks its .dbf, which holds the columns; put all parts of the "
                "shapefile beside it, or into one zip"
            )
        if self.source.kind or kind == "dbf":
            return
        digest = hashlib.sha256(self.sha256.encode())
        for suffix, file in sorted(found.items()):
            if suffix != ".shp":
                part = Source(file, b"").hashed()
                digest.update(f"{suffix} {part[0]}".encode())
                self.bytes += part[1]
                self._beside.append((file, FileState.of(file)))
                self._received.append((file, part[0]))
        self.sha256 = digest.hexdigest()

    def received(self) -> list[tuple[Path, str]]:
        """Each file of a shapefile and its hash."""
        return self._received

    def check_unchanged(self) -> None:
        """Raise CoaggError when a part of the file is no longer what was opened."""
        super().check_unchanged()
        for file, state in self._beside:
            if FileState.of(file) != state:
                raise self.changed()

    def _layers(self) -> list[_Layer]:
        with self.library():
            names = [str(name) for name in pyogrio.list_layers(self.data)[:, 0]]
            if len(names) > MOST_LAYERS:
                raise CoaggError(f"{self.path}: has more than {MOST_LAYERS} layers")
            return [self._about(name) for name in names]

    def _about(self, name: str) -> _Layer:
        about = pyogrio.read_info(self.data, layer=name, **self._options())
        if about["driver"] not in self._drivers:
            raise ValueError(f"taken for {about['driver']}")
        shape = about["geometry_type"]
        shape_column = None
        if shape is not None:
            shape_column = about.get("geometry_name") or "wkb_geometry"
        fields = [str(field) for field in about["fields"]]
        return _Layer(name, fields, shape_column, about["crs"], int(about["features"]))

    def _options(self) -> dict[str, Any]:
        return {"ENCODING": "ISO-8859-1"} if self._dbf else {}

    def _choose(self, layers: list[_Layer], named: str | None, fits: Fits | None) -> _Layer:
        names = [layer.name for layer in layers]
        if not layers:
            raise CoaggError(f"{self.path}: has no layers")
        if named is not None:
            if named not in names or self._dbf:
                there = "no layers; leave out --sheet" if self._dbf else (
                    f"no layer {named!r}; there are {', '.join(names)[:200]}"
                )  # fmt: skip
                raise CoaggError(f"{self.path}: has {there}")
            return layers[names.index(named)]
        fitting = [layer for layer in layers if fits is not None and fits(_shown(layer))]
        holding = [layer for layer in layers if layer.rows] or layers
        spatial = [layer for layer in holding if layer.shape is not None]
        chosen = (fitting or spatial or holding)[0]
        own = sorted(_shown(chosen))
        rest = [layer for layer in layers if layer is not chosen]
        same = [layer for layer in rest if layer.rows and sorted(_shown(layer)) == own]
        if same:
            raise CoaggError(
                f"{self.path}: layer {', '.join(one.name for one in same)[:200]} holds more rows "
                f"under the same header ({sum(one.rows for one in same)}); put all into one layer, "
                f"or read one of them: --sheet {chosen.name!r}"
            )
        others = ", ".join(f"{one.name} ({one.rows} rows)" for one in rest)
        if others:
            self.notes.append(
                f"layer {chosen.name} was read; not read: {others[:200]} "
                "(--sheet names the one to read)"
            )
        return chosen

    @contextmanager
    def _reader(self, rows: int, fields: list[str], shape: bool) -> Iterator[Any]:
        # GDAL's own reader of FlatGeobuf in batches breaks where a geometry is empty
        pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": True})
        with pyogrio.raw.open_arrow(
            self.data, layer=self._layer.name, columns=fields, read_geometry=shape,
            batch_size=rows, use_pyarrow=True, **self._options(),
        ) as (_, reader):  # fmt: skip
            yield reader

    def _batches(self, rows: int, fields: list[str], shape: bool) -> Iterator[pa.RecordBatch]:
        """Batches of rows; what the library says is turned into a line where they are asked for."""
        with self._reader(rows, fields, shape) as reader:
            yield from reader

    def _find_encoding(self, stated: str | None) -> None:
        detector = encodings.EncodingDetector()
        detector.feed("\n".join(self._layer.fields).encode("latin-1", "replace") + b"\n")
        with closing(self._batches(10_000, self._layer.fields, False)) as batches:  # type: ignore[type-var]
            while True:
                with self.library(), _nothing_made_up(self.path):
                    batch = next(batches, None)
                    if batch is None:
                        break
                    for column in batch.columns:
                        if pa.types.is_string(column.type):
                            text = "\n".join(column.drop_null().to_pylist())
                            detector.feed(text.encode("latin-1", "replace") + b"\n")
        self.encoding, self.encoding_confidence = detector.decide(self.path, stated)
        self._codec = encodings.codec_of(self.encoding)

    def _parts(self, rows: int, columns: list[str]) -> Iterator[tuple[pa.Table, list[Malformed]]]:
        self._points = geometry.Points()
        plain = [header for header in columns if header in self._names]
        fields = [self._names[header] for header in plain]
        shape = self.point is not None and len(plain) < len(columns)
        most = limits.limit(self.bytes)
        first_row, size = 1, 0
        with closing(self._batches(rows, fields, shape)) as batches:  # type: ignore[type-var]
            while True:
                with self.library(), _nothing_made_up(self.path):
                    batch = next(batches, None)
                    if batch is None:
                        break
                    batch.validate(full=True)
                    size += batch.nbytes
                    if size > most:  # a view of a data base may make rows of nothing
                        raise limits.too_large(self.path, "unpacks to at least", size, most)
                    text = self._as_text(pa.Table.from_batches([batch]), plain, fields, shape)
                    text = text.select(columns)
                yield without_nul(text, first_row)
                first_row += batch.num_rows
        self.tell_once(self._points.notes())

    def _as_text(
        self, whole: pa.Table, plain: list[str], fields: list[str], shape: bool
    ) -> pa.Table:
        part = whole.select(fields).rename_columns(plain)
        lists = [h for h in plain if pa.types.is_nested(part.field(h).type)]
        for header in lists:
            texts = pa.array([None if v is None else str(v) for v in part[header].to_pylist()])
            part = part.set_column(part.column_names.index(header), header, texts)
        in_hex = [header for header in plain if is_bytes(part.field(header).type)]
        text = text_table(part, in_hex)
        if self._dbf and self._codec != "latin-1":
            for n, header in enumerate(plain):
                if pa.types.is_string(part.field(header).type):
                    text = text.set_column(n, header, self._all_decoded(text[header]))
        if shape:
            assert self.point is not None
            taken = set(fields)
            (name,) = [name for name in whole.column_names if name not in taken]
            flat = whole[name].combine_chunks()
            flat = flat.storage if isinstance(flat, pa.ExtensionArray) else flat
            return self._system.with_point(text, self.point, self._points.of_wkb(flat))
        return text

    def _all_decoded(self, column: pa.ChunkedArray) -> pa.Array:
        if pc.all(pc.fill_null(pc.string_is_ascii(column), True)).as_py():
            return column
        return pa.array(
            [None if text is None else self._decoded(text) for text in column.to_pylist()],
            pa.string(),
        )

    def _decoded(self, text: str) -> str:
        """Text that was read byte for byte."""
        if not self._dbf or text.isascii():
            return text
        return encodings.decode_marked(text.encode("latin-1", "replace"), self._codec)


def _shown(layer: _Layer) -> list[str]:
    shape = geometry.headers_of_point(layer.fields) if layer.shape is not None else ()
    return [*layer.fields, *shape]
