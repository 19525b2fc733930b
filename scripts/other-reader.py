"""Holds the Avro samples against a client that is not ours: fastavro decodes what the services write, and writes the same bytes itself.

Run by scripts/other-reader.sh. A sample is NAME.avro.hex, the value of a record (00, the id of the schema in four bytes, Avro), beside NAME.json,
which it says. `--write` writes the samples anew. Ends with 1 and a sentence when one is otherwise.
"""
import io
import json
import struct
import sys
from pathlib import Path

from fastavro import parse_schema, schemaless_reader, schemaless_writer

kafka = Path(__file__).resolve().parent.parent / 'kafka'
# The ids that an empty registry gives them, registered in this order.
subjects = {'orders-value': (1, ['order-created', 'order-created-edges']), 'payments-value': (2, ['payment-completed'])}


def schema_of(subject):
    return json.loads((kafka / 'schemas' / f'{subject}.avsc').read_text())


def with_note(schema):
    """The next version of docs/evolution.md: a field of the order that may be left out."""
    data = next(field for field in schema['fields'] if field['name'] == 'data')
    data['type']['fields'].append({'name': 'note', 'type': ['null', 'string'], 'default': None})
    return schema


def encode(schema, schema_id, value):
    body = io.BytesIO()
    schemaless_writer(body, parse_schema(schema), value)
    return struct.pack('>bI', 0, schema_id) + body.getvalue()


def decode(writer, data, reader=None):
    magic, schema_id = struct.unpack('>bI', data[:5])
    body = io.BytesIO(data[5:])
    value = schemaless_reader(body, parse_schema(writer), reader and parse_schema(reader))
    return magic, schema_id, value, len(body.read())


def faults_of(subject, schema_id, name):
    value = json.loads((kafka / 'samples' / f'{name}.json').read_text())
    file = kafka / 'samples' / f'{name}.avro.hex'
    written = encode(schema_of(subject), schema_id, value)
    if '--write' in sys.argv:
        file.write_text(written.hex() + '\n')
    sample = bytes.fromhex(file.read_text())
    if decode(schema_of(subject), sample) != (0, schema_id, value, 0):
        yield f'{file.name} decoded by fastavro is not {name}.json'
    if written != sample:
        yield f'{name}.json written by fastavro is not {file.name}'
    if subject == 'orders-value':
        newer = with_note(schema_of(subject))
        *_, read, _ = decode(schema_of(subject), sample, newer)
        if read['data'].pop('note', '') is not None or read != value:
            yield f'{file.name} is not {name}.json to a reader of the next version'
        value['data']['note'] = 'at the back door'
        *_, read, _ = decode(newer, encode(newer, schema_id, value), schema_of(subject))
        del value['data']['note']
        if read != value:
            yield f'{name}.json of the next version is not {name}.json to a reader of this one'


faults = [fault for subject, (schema_id, names) in subjects.items() for name in names for fault in faults_of(subject, schema_id, name)]
print('\n'.join(faults) or 'fastavro reads what the services write, and writes what they read')
sys.exit(1 if faults else 0)
