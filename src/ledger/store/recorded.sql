-- What was recorded. Rows are added and never changed; docs/ledger.md says what the bytes are.

CREATE TABLE record (
    number INTEGER PRIMARY KEY, -- from 0, without gaps: the place of its leaf in the tree
    body BLOB NOT NULL,
    leaf BLOB NOT NULL -- RFC 6962: SHA-256(0x00 || body)
) STRICT;

-- The complete nodes of the tree above its leaves.
CREATE TABLE node (
    level INTEGER NOT NULL, -- from 1
    position INTEGER NOT NULL, -- on its level, from 0
    hash BLOB NOT NULL,
    PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;

-- The signed head of the tree after each transaction.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY, -- how many records it covers
    note BLOB NOT NULL
) STRICT;

-- What records name by its SHA-256, kept once.
CREATE TABLE content (
    digest BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
) STRICT;
