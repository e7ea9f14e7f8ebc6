import { textCell } from './connection.ts';
import { sessionTo, type Promotion } from './promotion.ts';

/** Events of the event scheduler arrive disabled on a replica, and stay so when it is promoted. A person enables them. */
export async function listDisabledEvents(promotion: Promotion, promoted: string): Promise<void> {
  try {
    const rows = await sessionTo(promotion, promoted).query(
      `SELECT CONCAT(event_schema, '.', event_name) AS event FROM information_schema.events
        WHERE status IN ('SLAVESIDE_DISABLED', 'REPLICA_SIDE_DISABLED') ORDER BY 1 LIMIT 20`,
    );
    const names = rows.map((row) => textCell(row, 'event'));
    if (names.length > 0)
      promotion.leftToDo.push(
        `enable on ${promoted} the events that it had as a standby: ${names.join(', ')}`,
      );
  } catch (error) {
    if (promotion.tools.signal.aborted) throw error;
    promotion.details.push(`the events of ${promoted} could not be listed: ${String(error)}`);
  }
}
