/**
 * The versions of the database. One that was released is never changed: a new one is added.
 */

/** Statements that make `version` of the version before it; checksums and the version itself are written afterwards, in the same transaction. */
export interface Migration {
  readonly version: number
  readonly statements: ReadonlyArray<string>
}

/** "CYCL" */
export const applicationId = 0x4359434c

export const migrations: ReadonlyArray<Migration> = [
  {
    version: 1,
    statements: [
      `PRAGMA application_id = ${applicationId}`,
      "CREATE TABLE rows (n INTEGER PRIMARY KEY, tbl TEXT NOT NULL, body TEXT NOT NULL, sum INTEGER NOT NULL) STRICT",
      `CREATE TABLE tip (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        sequence INTEGER NOT NULL,
        count INTEGER NOT NULL,
        digest INTEGER NOT NULL,
        sum INTEGER NOT NULL
      ) STRICT`
    ]
  }
]
