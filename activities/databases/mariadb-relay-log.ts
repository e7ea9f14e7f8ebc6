import { unionOfGtids } from '../../domain/promotion/mariadb-gtid.ts';
import type { ChannelFacts } from '../../domain/promotion/facts.ts';
import { DatabaseError, textCell, type DatabaseConnection, type Row } from './connection.ts';

const PAGE = 20_000;

/**
 * The last complete transaction of each domain in the relay log, from the applier's place to its end. A MariaDB
 * replica that was restarted has forgotten what it received (Gtid_IO_Pos is empty); the files have not.
 */
export async function readRelayLog(connection: DatabaseConnection, channel: ChannelFacts): Promise<string> {
  const reader = groupReader();
  let file: string | undefined = channel.relayFile;
  let from = Number(channel.relayPosition);
  let seen = 0; // events at the start of a page that the page before has shown already
  while (file !== undefined && file !== '') {
    const events = await relayEvents(connection, file, from);
    if (events === undefined) break;
    events.slice(seen).forEach(reader.read);
    const last = events.at(-1);
    if (events.length === PAGE && last !== undefined) {
      from = Number(textCell(last, 'Pos')); // End_log_pos is the source's, not this file's
      seen = 1;
      continue;
    }
    file = nextFile(file);
    from = 4;
    seen = 0;
  }
  return unionOfGtids(reader.complete);
}

/** undefined: there is no such file, which is how the end of the sequence shows. */
async function relayEvents(
  connection: DatabaseConnection,
  file: string,
  from: number,
): Promise<readonly Row[] | undefined> {
  try {
    return await connection.query(`SHOW RELAYLOG EVENTS IN ? FROM ${from} LIMIT ${PAGE}`, [file], 30_000);
  } catch (error) {
    if (error instanceof DatabaseError && error.failure === 'statement' && error.errno === 1220)
      return undefined;
    throw error;
  }
}

/** A group ends with its commit, or, for a statement that stands alone, with that statement. */
export function groupReader(): { readonly complete: string[]; readonly read: (event: Row) => void } {
  const complete: string[] = [];
  let open: { readonly gtid: string; readonly alone: boolean } | undefined;
  return {
    complete,
    read: (event) => {
      const type = textCell(event, 'Event_type');
      const info = textCell(event, 'Info');
      const gtid = type === 'Gtid' ? /(\d+-\d+-\d+)/.exec(info)?.[1] : undefined;
      if (gtid !== undefined) open = { gtid, alone: !/^BEGIN/i.test(info) };
      else if (open !== undefined && ends(type, info, open.alone)) {
        complete.push(open.gtid);
        open = undefined;
      }
    },
  };
}

const ends = (type: string, info: string, alone: boolean): boolean =>
  type === 'Xid' ||
  type === 'XA_prepare' ||
  (type === 'Query' && (alone || /^(COMMIT|ROLLBACK)$/i.test(info.trim())));

function nextFile(file: string): string | undefined {
  const match = /^(.*\.)(\d+)$/.exec(file);
  if (match === null) return undefined;
  const [, stem = '', number = ''] = match;
  return `${stem}${String(Number(number) + 1).padStart(number.length, '0')}`;
}
