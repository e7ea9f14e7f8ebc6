import { journalPhases, type JournalRow } from '../../domain/promotion/facts.ts';
import { isStatementError, textCell, tolerate, type DatabaseConnection, type Row } from './connection.ts';

const DUPLICATE_KEY = 1062;
/** A commit that nobody acknowledges never ends; no other statement on the journal takes seconds. */
const JOURNAL_TIMEOUT_MS = 5_000;
const NO_SUCH_TABLE = [1146, 1049];
const UNKNOWN_COLUMN = 1054;
const DUPLICATE_COLUMN = 1060;
const COLUMNS = 'epoch, phase, operation, primary_node, identity, previous_node, position, durability, at';

/** Replicated like any table, so that every server that followed knows of it. */
export async function createSchema(connection: DatabaseConnection, schema: string): Promise<void> {
  await connection.query('CREATE DATABASE IF NOT EXISTS ??', [schema], JOURNAL_TIMEOUT_MS);
}

export async function createTable(connection: DatabaseConnection, schema: string): Promise<void> {
  await connection.query(
    `CREATE TABLE IF NOT EXISTS ??.promotions (
       epoch BIGINT UNSIGNED NOT NULL, phase VARCHAR(10) NOT NULL, operation VARCHAR(255) NOT NULL,
       primary_node VARCHAR(64) NOT NULL, identity VARCHAR(64) NOT NULL, previous_node VARCHAR(64) NOT NULL,
       position TEXT NOT NULL, durability VARCHAR(10) NOT NULL, at BIGINT UNSIGNED NOT NULL,
       findings MEDIUMTEXT NULL, PRIMARY KEY (epoch, phase)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
    [schema],
    JOURNAL_TIMEOUT_MS,
  );
}

export async function journalExists(connection: DatabaseConnection, schema: string): Promise<boolean> {
  const rows = await connection.query(
    'SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?',
    [schema, 'promotions'],
  );
  return rows.length > 0;
}

/** The newest rows; none where the journal does not exist yet. */
export async function readJournal(
  connection: DatabaseConnection,
  schema: string,
): Promise<readonly JournalRow[]> {
  try {
    const rows = await connection.query(`SELECT ${COLUMNS} FROM ??.promotions ORDER BY epoch DESC LIMIT 12`, [
      schema,
    ]);
    return rows.map(journalRow);
  } catch (error) {
    if (isStatementError(error, ...NO_SUCH_TABLE)) return [];
    throw error;
  }
}

function journalRow(row: Row): JournalRow {
  const phase = textCell(row, 'phase');
  return {
    epoch: Number(textCell(row, 'epoch')),
    phase: journalPhases.find((one) => one === phase) ?? 'intended',
    operation: textCell(row, 'operation'),
    primary: textCell(row, 'primary_node'),
    identity: textCell(row, 'identity'),
    previous: textCell(row, 'previous_node'),
    position: textCell(row, 'position'),
    durability: textCell(row, 'durability'),
    at: Number(textCell(row, 'at')),
  };
}

/** What the attempt that wrote the row had found out; '' where it stems from a version that did not write it down. */
export async function readFindings(
  connection: DatabaseConnection,
  schema: string,
  { epoch, phase }: Pick<JournalRow, 'epoch' | 'phase'>,
): Promise<string> {
  try {
    const rows = await connection.query('SELECT findings FROM ??.promotions WHERE epoch = ? AND phase = ?', [
      schema,
      epoch,
      phase,
    ]);
    return textCell(rows[0], 'findings');
  } catch (error) {
    if (isStatementError(error, UNKNOWN_COLUMN)) return '';
    throw error;
  }
}

/** A journal that an older version made has no such column; its INSERTs go on to work beside it. */
async function addFindings(connection: DatabaseConnection, schema: string): Promise<void> {
  await tolerate(
    connection.query(
      'ALTER TABLE ??.promotions ADD COLUMN findings MEDIUMTEXT NULL',
      [schema],
      JOURNAL_TIMEOUT_MS,
    ),
    DUPLICATE_COLUMN,
  );
}

/**
 * Writes the row unless the journal holds a higher epoch or a twin: judged and written in one statement, inside the
 * target, so that a stale orchestrator cannot slip in between.
 * @returns undefined when it stands (also from an earlier attempt), otherwise who holds the journal
 */
export async function writeJournal(
  connection: DatabaseConnection,
  schema: string,
  row: JournalRow,
  findings: string | null = null,
): Promise<{ readonly epoch: number; readonly operation: string } | undefined> {
  try {
    if (await insertRow(connection, schema, row, findings)) return undefined;
  } catch (error) {
    if (!isStatementError(error, DUPLICATE_KEY)) throw error;
  }
  const rows = await readJournal(connection, schema);
  const holder = rows.find(
    ({ epoch, operation }) => epoch > row.epoch || (epoch === row.epoch && operation !== row.operation),
  );
  if (holder !== undefined) return { epoch: holder.epoch, operation: holder.operation };
  if (rows.some(({ epoch, phase }) => epoch === row.epoch && phase === row.phase)) return undefined;
  throw new Error(`${connection.node}: the journal row for epoch ${row.epoch} was written and is not there`);
}

async function insertRow(
  connection: DatabaseConnection,
  schema: string,
  row: JournalRow,
  findings: string | null,
): Promise<boolean> {
  const { epoch, phase, operation, primary, identity, previous, position, durability, at } = row;
  const cells = [epoch, phase, operation, primary, identity, previous, position, durability, at, findings];
  const insert = () =>
    connection.query(
      `INSERT INTO ??.promotions (${COLUMNS}, findings)
       SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM DUAL WHERE NOT EXISTS
         (SELECT 1 FROM ??.promotions WHERE epoch > ? OR (epoch = ? AND operation <> ?))`,
      [schema, ...cells, schema, epoch, epoch, operation],
      JOURNAL_TIMEOUT_MS,
    );
  try {
    const [result] = await insert();
    return Number(result?.['affectedRows']) === 1;
  } catch (error) {
    if (!isStatementError(error, UNKNOWN_COLUMN)) throw error;
  }
  await addFindings(connection, schema);
  const [result] = await insert();
  return Number(result?.['affectedRows']) === 1;
}
