-- A projection of the three topics. What the log still holds can be read anew at any time; what it no longer holds is here alone.

-- One row an order. Text is kept as it is written: jsonb would reorder keys and refuse \u0000. Times come from the records, verbatim.
CREATE TABLE orders (
  order_id uuid PRIMARY KEY,
  -- Where the order is known from: 0 only taken for an order that is on its way to the log, 1 a dead letter, 2 the log. NULL: only its outcome is known.
  source smallint,
  text text,
  created_at text,
  -- created_at in milliseconds since 1970: the order of the list. It never changes once the order is known.
  created_ms bigint,
  -- Of the event that takes the id, and how often it may have been sent.
  event_id uuid,
  tries integer NOT NULL DEFAULT 0,
  order_partition integer,
  order_offset bigint,
  payment_id uuid,
  paid_at text,
  payment_partition integer,
  payment_offset bigint,
  -- JSON text: type, message, retryCount, failedAt.
  failure text,
  failure_partition integer,
  failure_offset bigint,
  attempts integer NOT NULL DEFAULT 1
) WITH (fillfactor = 50);

-- Only what never changes is indexed, so that an outcome is written beside its order, without touching an index.
CREATE INDEX orders_newest_first ON orders (created_ms DESC, order_id DESC);

-- How far each partition was read. A batch advances it in its own transaction, by compare-and-set: whoever was overtaken changes nothing.
-- `changes_from`: from this offset on the table of changes is complete.
CREATE TABLE projection_offsets (
  topic text NOT NULL,
  partition integer NOT NULL,
  next_offset bigint NOT NULL,
  changes_from bigint NOT NULL,
  PRIMARY KEY (topic, partition)
);

-- Which order the record at an offset changed: the last of them, for event streams.
CREATE TABLE order_changes (
  topic text NOT NULL,
  partition integer NOT NULL,
  "offset" bigint NOT NULL,
  order_id uuid NOT NULL,
  PRIMARY KEY (topic, partition, "offset")
);

-- How many orders can be shown, by status. In parts, so that writers do not wait for each other; the sum over them counts.
CREATE TABLE order_counts (
  part smallint NOT NULL,
  status text NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (part, status)
) WITH (fillfactor = 50);
