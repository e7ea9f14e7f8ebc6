import { textCell, type DatabaseConnection } from './connection.ts';

/** Events of the event scheduler arrive disabled on a replica, and stay so when it is promoted. A person enables them. */
export async function disabledEvents(connection: DatabaseConnection): Promise<readonly string[]> {
  const rows = await connection.query(
    `SELECT CONCAT(event_schema, '.', event_name) AS event FROM information_schema.events
      WHERE status IN ('SLAVESIDE_DISABLED', 'REPLICA_SIDE_DISABLED') ORDER BY 1 LIMIT 20`,
  );
  return rows.map((row) => textCell(row, 'event'));
}
