"""Starts bqemulator 1.4.0, an emulator of BigQuery on DuckDB, with what it gets wrong
mended where the tests depend on it. Arguments are those of bqemulator.

What is mended, each against the API's documentation:
  - it starts without the internet: the extension for geography is not fetched
  - write_stream may be missing in all but the first request of a connection
  - a refused append leaves the offset where it was
  - answers carry a StorageError: an offset that is there already, one behind the
    end, a stream that is finalized, columns that the table has not
  - columns that the table has not, and REQUIRED ones that are missing, are refused
  - a column that tables.patch adds is added to the table itself, too
  - a query that fails is answered with its error, and not with no rows
  - a load job from an upload has the id that it was given, is taken once, may be
    compressed, and changes neither bytes nor JSON; columns that the table has not are
    refused
  - clients may be killed: each that dies with a stream open leaves a thread behind that
    waits for ever, and of six, on two cores, soon none is left to answer anybody
"""

import gzip
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from bqemulator import server
from bqemulator.api.routes import tables as rest_tables
from bqemulator.api.routes import upload
from bqemulator.api.routes.tabledata import _build_arrow_schema, _fields_raw_from_schema
from bqemulator.domain.errors import ResourceRef, resource_already_exists
from bqemulator.grpc_api import write_servicer as write
from bqemulator.jobs import executor
from bqemulator.storage.arrow_bridge import bq_rows_to_arrow
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.storage.type_map import bq_schema_to_duckdb_columns
from bqemulator.versioning import snapshots

STORAGE_CODES = {
    "ALREADY_EXISTS": "OFFSET_ALREADY_EXISTS",
    "OUT_OF_RANGE": "OFFSET_OUT_OF_RANGE",
    "FAILED_PRECONDITION": "STREAM_FINALIZED",
}


def no_extension(_engine):
    """Geography needs an extension that is fetched from the internet."""


def no_snapshot(self, project, dataset, table):
    """Time travel copies the whole table at every append."""
    self._events.publish(snapshots.TableDataChanged(project, dataset, table))


def raw_field(f):
    d = {"name": f.name, "type": f.type, "mode": f.mode}
    if getattr(f, "fields", None):
        d["fields"] = [raw_field(inner) for inner in f.fields]
    return d


def arrow_schema(meta):
    return _build_arrow_schema([raw_field(f) for f in meta.schema_.fields])


def error_response(stream, detail, status_code=write.grpc.StatusCode.INVALID_ARGUMENT):
    from google.cloud.bigquery_storage_v1 import types
    from google.protobuf.any_pb2 import Any
    from google.rpc import status_pb2

    name = STORAGE_CODES.get(status_code.name)
    if "extra fields" in detail:
        name = "SCHEMA_MISMATCH_EXTRA_FIELDS"
    if status_code.name == "FAILED_PRECONDITION":
        status_code = write.grpc.StatusCode.INVALID_ARGUMENT
    status = status_pb2.Status(code=status_code.value[0], message=detail)
    if name:
        code = getattr(types.StorageError.StorageErrorCode, name)
        error = types.StorageError(code=code, entity=stream, error_message=detail)
        packed = Any()
        packed.Pack(types.StorageError.pb(error))
        status.details.append(packed)
    return types.AppendRowsResponse.serialize(types.AppendRowsResponse(write_stream=stream, error=status))


def mend_appends():
    handler = write.BigQueryWriteHandler
    bind, perform, convert = handler._ensure_stream_bound, handler._perform_append, write._rows_for_request

    def bound(self, name, ctx, context):
        return ctx if ctx is not None and not name else bind(self, name, ctx, context)

    def append(self, stream, rows, offset, most):
        with stream.lock:
            before = (stream.next_offset, stream.row_count)
            try:
                return perform(self, stream, rows, offset, most)
            except Exception as e:
                stream.next_offset, stream.row_count = before
                return error_response(stream.name, f"rows refused: {e}")

    def rows(request, decoder, arrow, target):
        if write._has_field(request, "proto_rows") and write._has_field(request.proto_rows, "writer_schema"):
            known = {f.name.lower() for f in target}
            sent = request.proto_rows.writer_schema.proto_descriptor.field
            more = [f.name for f in sent if f.name.lower() not in known]
            if more:
                raise ValueError("Input schema has more fields than BigQuery schema, extra fields: '%s'" % ",".join(more))
        try:
            table, decoder, arrow = convert(request, decoder, arrow, target)
        except ValueError:
            raise
        except Exception as e:
            raise ValueError(f"Errors found while processing rows: {type(e).__name__}: {e}") from e
        for f in target:
            if not f.nullable and table.column(f.name).null_count:
                raise ValueError(f"Errors found while processing rows: required field {f.name} is missing")
        return table, decoder, arrow

    handler._ensure_stream_bound, handler._perform_append = bound, append
    write._rows_for_request, write._error_response, write._table_arrow_schema = rows, error_response, arrow_schema


def mend_columns(ctx):
    update = ctx.catalog.update_table

    def updated(meta):
        old = ctx.catalog.get_table(meta.project_id, meta.dataset_id, meta.table_id)
        known = {f.name.lower() for f in old.schema_.fields} if old else set()
        new = [raw_field(f) for f in meta.schema_.fields if f.name.lower() not in known]
        ref = rest_tables.quoted_table_ref(meta.project_id, meta.dataset_id, meta.table_id)
        for name, kind in bq_schema_to_duckdb_columns(new):
            ctx.engine.execute(f'ALTER TABLE {ref} ADD COLUMN "{name}" {kind}')
        return update(meta)

    ctx.catalog.update_table = updated


def mend_queries(app):
    from starlette.responses import Response

    @app.middleware("http")
    async def answers(request, go_on):
        answer = await go_on(request)
        if not (request.method == "POST" and request.url.path.endswith("/queries") and answer.status_code == 200):
            return answer
        body = b"".join([part async for part in answer.body_iterator])
        said = json.loads(body)
        if said.get("errors"):
            first = said["errors"][0]
            code = {"notFound": 404, "duplicate": 409, "accessDenied": 403}.get(first.get("reason"), 400)
            body = json.dumps({"error": {"code": code, "message": first.get("message"), "errors": [first]}})
            return Response(body, code, media_type="application/json")
        headers = {k: v for k, v in answer.headers.items() if k.lower() not in ("content-length", "content-encoding")}
        return Response(body, answer.status_code, headers)


def mend_uploads():
    configuration_of, run = upload._load_configuration_from_envelope, upload._run_load
    begun = set()

    def configuration(envelope):
        return {**configuration_of(envelope), "reference": envelope.get("jobReference") or {}}

    async def run_load(*, project_id, configuration, media_path, ctx):
        reference = configuration.pop("reference")
        id = reference.get("jobId")
        if id:
            if (project_id, id) in begun:
                raise resource_already_exists(ResourceRef("job", project_id, resource_id=id))
            begun.add((project_id, id))
            upload._new_job_id = lambda: id  # run asks for it before anybody else comes to his turn
        with open(media_path, "rb+") as f:
            media = f.read()
            if media.startswith(b"\x1f\x8b"):
                f.seek(0)
                f.write(gzip.decompress(media))
                f.truncate()
        return await run(project_id=project_id, configuration=configuration, media_path=media_path, ctx=ctx)

    upload._load_configuration_from_envelope, upload._run_load = configuration, run_load
    executor._load_path_into_target = load_rows


def load_rows(path, job, ctx):
    """Loads newline-delimited JSON as insertAll inserts rows."""
    if job.source_format != "NEWLINE_DELIMITED_JSON":
        raise ValueError("want NEWLINE_DELIMITED_JSON, got " + job.source_format)
    meta = ctx.catalog.get_table(job.project_id, job.dataset_id, job.table_id)
    kinds = {f.name: f.type.upper() for f in meta.schema_.fields}
    rows = []
    with open(path, encoding="utf-8") as f:
        for line in f.read().split("\n"):
            if line:
                rows.append({"json": row_of(line, kinds)})
    table = bq_rows_to_arrow(rows, _build_arrow_schema(_fields_raw_from_schema(meta.schema_.fields)))
    for f in meta.schema_.fields:
        if f.mode == "REQUIRED" and table.column(f.name).null_count:
            raise ValueError("Missing required field: " + f.name)
    ctx.engine.connection.register("girok_load", table)
    try:
        ctx.engine.execute(f"INSERT INTO {job.target_ref} SELECT * FROM girok_load")
    finally:
        ctx.engine.connection.unregister("girok_load")


def row_of(line, kinds):
    """The values of a line; those of columns of type JSON as the text that stands there."""
    read, row, at = json.JSONDecoder().raw_decode, {}, 1
    while line[at] != "}":
        name, at = read(line, at + (line[at] == ","))
        value, end = read(line, at + 1)
        if name not in kinds:
            raise ValueError("No such field: " + name)
        row[name] = line[at + 1 : end] if kinds[name] == "JSON" else value
        at = end
    return row


def mend_threads():
    make = grpc.aio.server
    grpc.aio.server = lambda *args, **more: make(*args, migration_thread_pool=ThreadPoolExecutor(max_workers=10_000), **more)


def main():
    DuckDBEngine._load_spatial = no_extension
    snapshots.SnapshotManager.record_change = no_snapshot
    mend_appends()
    mend_uploads()
    mend_threads()
    create = server.create_app

    def create_app(ctx):
        mend_columns(ctx)
        app = create(ctx)
        mend_queries(app)
        return app

    server.create_app = create_app
    from bqemulator import cli

    sys.argv[0] = "bqemulator"
    (getattr(cli, "main", None) or cli.cli)()


main()
