-- Its one row says that the tables hold all that any client was told. PostgreSQL empties an unlogged table when it has crashed, and on a
-- standby that takes over: just when commits that did not wait for the disk may be gone. Whoever has read the log on from there puts it back.
CREATE UNLOGGED TABLE tables_current (is_current boolean PRIMARY KEY DEFAULT true CHECK (is_current));
INSERT INTO tables_current DEFAULT VALUES;
