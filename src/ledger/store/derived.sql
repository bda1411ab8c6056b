-- Found from records and contents alone: made with each record, anew by `reindex`, and compared by `verify`.

CREATE TABLE entry (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    time INTEGER NOT NULL -- seconds since 1970, never less than before: the record's `clock-behind`, else its `time`
) STRICT;
CREATE INDEX entry_of_kind ON entry (kind, number);

CREATE TABLE repository (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE -- of its git directory
) STRICT;

CREATE TABLE decision (
    number INTEGER PRIMARY KEY,
    push INTEGER NOT NULL, -- the number of the first decision of the same push
    repository INTEGER NOT NULL,
    name BLOB NOT NULL, -- the ref
    old BLOB, -- null where the ref did not exist
    new BLOB, -- null where it goes
    list BLOB, -- digest of the list of what it brought
    verdict TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('refused', 'open', 'completed', 'failed'))
) STRICT;
CREATE INDEX decision_of_ref ON decision (repository, name, number);
CREATE INDEX decision_open ON decision (repository, number) WHERE state = 'open';
CREATE INDEX decision_by_verdict ON decision (verdict, number) WHERE verdict <> 'accepted';

-- Which values a ref got, by completed decisions, moves and adoptions.
CREATE TABLE value (
    repository INTEGER NOT NULL,
    name BLOB NOT NULL,
    number INTEGER NOT NULL,
    value BLOB, -- null where the ref went
    PRIMARY KEY (repository, name, number)
) STRICT, WITHOUT ROWID;

-- The last of them of each ref.
CREATE TABLE standing (
    repository INTEGER NOT NULL,
    name BLOB NOT NULL,
    number INTEGER NOT NULL,
    value BLOB,
    PRIMARY KEY (repository, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX standing_value ON standing (repository, value);

-- What completed decisions and adoptions brought, at the moment of their record: some of it in each row, as it came.
CREATE TABLE receipt (
    row INTEGER PRIMARY KEY, -- from 1
    number INTEGER NOT NULL,
    time INTEGER NOT NULL,
    objects BLOB NOT NULL -- raw ids, sorted, with nothing between them
) STRICT;

-- In which of those rows an object may be: a tree of nodes for each repository and format of ids.
CREATE TABLE receipt_node (
    node INTEGER PRIMARY KEY, -- from 1; but of the root: -2 * repository, of SHA-256 one less
    below INTEGER, -- the first of the four nodes to which it gives what it holds, by the next two bits; null if there are none
    entries BLOB NOT NULL -- sorted: the first four bytes of an id, and a row as five bytes; those of row 0 are room
) STRICT;

-- Rules that found nothing in what they accepted.
CREATE TABLE satisfied (
    number INTEGER NOT NULL,
    policy BLOB NOT NULL, -- its path
    rule TEXT NOT NULL,
    PRIMARY KEY (number, policy, rule)
) STRICT, WITHOUT ROWID;

-- Rules that an emergency waived in what was accepted. A review is owed for each, until it is settled; what counts is what
-- became of the decisions.
CREATE TABLE emergency (
    number INTEGER NOT NULL, -- the decision
    place INTEGER NOT NULL, -- of the policy, among those of the decision
    rule TEXT NOT NULL,
    policy BLOB NOT NULL, -- its path
    signed BLOB NOT NULL, -- digest of what is signed of the declaration
    signer TEXT NOT NULL,
    due INTEGER NOT NULL, -- seconds since 1970
    settled INTEGER NOT NULL, -- 1 if an approval stood already
    PRIMARY KEY (number, place, rule)
) STRICT, WITHOUT ROWID;
CREATE INDEX emergency_of_signed ON emergency (signed, number);
CREATE INDEX emergency_of_signer ON emergency (signer, number);

-- The decisions about approvals that settle those.
CREATE TABLE settlement (
    emergency INTEGER NOT NULL, -- the decision that owes
    place INTEGER NOT NULL,
    rule TEXT NOT NULL,
    number INTEGER NOT NULL, -- the decision that settles
    PRIMARY KEY (emergency, place, rule, number)
) STRICT, WITHOUT ROWID;

-- The approvals that decisions which accepted have counted, or that settled what one owes.
CREATE TABLE counted (
    tag BLOB NOT NULL, -- digest of the raw tag
    number INTEGER NOT NULL,
    PRIMARY KEY (tag, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE in_force (
    path BLOB PRIMARY KEY,
    policy BLOB NOT NULL, -- digests
    registry BLOB NOT NULL,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The push that was accepted with a push certificate: one that comes again is a replay.
CREATE TABLE certificate (
    digest BLOB PRIMARY KEY, -- of what is signed of it
    push INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who and what a decision or an adoption is about.
CREATE TABLE mention (
    kind TEXT NOT NULL CHECK (kind IN ('pusher', 'account', 'signer', 'key', 'unknown-key')),
    value TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (kind, value, number)
) STRICT, WITHOUT ROWID;

-- Which refs of which repository decisions, moves and adoptions are about.
CREATE TABLE subject (
    name BLOB NOT NULL, -- the ref
    number INTEGER NOT NULL,
    repository INTEGER NOT NULL,
    PRIMARY KEY (name, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_of_repository ON subject (repository, number);
