import { noUnit } from '../../domain/routing.ts';
import { writeBackend } from './proxy-keeper.ts';
import { inFlightTable } from './worker-tables.ts';

export interface HaproxyOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** unit -> its servers. */
  readonly units: { readonly [unit: string]: readonly UnitServer[] };
  readonly buckets: number;
  /** Request header with the user id. */
  readonly header: string;
  /** As in the agent's config. */
  readonly unitsMap: string;
  readonly leaseMap: string;
  /** Unix path of the workers' own command socket. */
  readonly statsSocket: string;
  /** How long a worker of an earlier configuration may live on after a reload. */
  readonly hardStopAfterMs?: number;
  readonly maxConnections?: number;
  /** Health check interval of the units' servers; left out: servers are not checked. */
  readonly checkEveryMs?: number;
}

export interface UnitServer {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

const readBackend = (unit: string): string => `read_${unit}`;

/**
 * A configuration for HAProxy 2.6 and later, to be started as `haproxy -W -S <masterSocket> -f <file>`. The command
 * sockets are unix sockets on purpose: `stats socket ... ssl` is accepted and then served in plain text.
 */
export function haproxyConfig(options: HaproxyOptions): string {
  const { listen, units, statsSocket } = options;
  return `${[
    'global',
    `  stats socket unix@${statsSocket} mode 600 level admin`,
    `  hard-stop-after ${options.hardStopAfterMs ?? 30_000}ms`,
    `  maxconn ${options.maxConnections ?? 4_000}`,
    '',
    'defaults',
    '  mode http',
    '  timeout connect 2s',
    '  timeout client 60s',
    '  timeout server 30s',
    '  timeout http-request 10s',
    '  timeout http-keep-alive 60s',
    // Nothing has been sent yet when a connection fails: another server of the unit is tried at once. By default the same
    // one is tried three times, a second apart, and whoever wrote to a lost unit hangs on longer than its failover takes.
    '  retries 1',
    '  option redispatch 1',
    '  option http-keep-alive',
    '  http-reuse safe',
    '',
    'frontend access',
    `  bind ${listen.host}:${listen.port}`,
    ...accessRules(options),
    '',
    `backend ${inFlightTable}`,
    '  stick-table type string len 160 size 1k expire 1h store conn_cur',
    '',
    ...Object.entries(units).flatMap(([unit, servers]) => [
      ...backend(readBackend(unit), servers, options.checkEveryMs),
      ...backend(
        writeBackend(unit),
        servers,
        undefined,
        options.checkEveryMs === undefined ? '' : readBackend(unit),
      ),
    ]),
  ].join('\n')}\n`;
}

/**
 * One look-up gives unit, state and epoch together, so no request sees the unit of one epoch with the state of
 * another. Everything unknown is closed: no entry, an emptied map, no lease, no user.
 */
function accessRules({ buckets, header, unitsMap, leaseMap }: HaproxyOptions): readonly string[] {
  const stamp =
    'hdr X-Unit "%[var(txn.unit)]" hdr X-Epoch "%[var(txn.epoch)]" hdr X-Bucket "%[var(txn.bucket)]"';
  const refuse = (reason: string, condition: string) =>
    `  http-request return status 503 content-type text/plain string "${reason}" hdr Retry-After 1 hdr X-Refused ${reason} ${stamp} if ${condition}`;
  return [
    // A user id given twice could be read differently here and in the application.
    `  acl one_user req.fhdr_cnt(${header}) eq 1`,
    `  acl no_user req.fhdr(${header}) -m len 0`,
    `  http-request return status 400 content-type text/plain string "expected one header ${header} with the user id" if !one_user or no_user`,
    `  http-request set-var(txn.bucket) req.fhdr(${header}),crc32,mod(${buckets})`,
    `  http-request set-var(txn.rule) var(txn.bucket),map_str(${unitsMap},${noUnit}|deny|0)`,
    '  http-request set-var(txn.unit) var(txn.rule),field(1,|)',
    '  http-request set-var(txn.state) var(txn.rule),field(2,|)',
    '  http-request set-var(txn.epoch) var(txn.rule),field(3,|)',
    // The lease is judged here, by the proxy's own clock: an agent that is dead, paused or cut off needs no telling.
    `  http-request set-var(txn.deadline) var(txn.unit),map_str_int(${leaseMap},0)`,
    '  http-request set-var(txn.overdue) date(0,ms),sub(txn.deadline)',
    '  acl is_read method GET HEAD',
    '  acl is_open var(txn.state) -m str open',
    `  acl has_unit var(txn.unit) -m found`,
    `  acl is_nowhere var(txn.unit) -m str ${noUnit}`,
    '  acl lease_over var(txn.overdue) -m int ge 0',
    refuse('nowhere', '!has_unit or is_nowhere'),
    refuse('fenced', '!is_read !is_open'),
    refuse('lease', '!is_read lease_over'),
    // Counted by unit and epoch while they last: a fence waits for the writes of the rules before it and for no others.
    '  http-request set-var(txn.admission) var(txn.unit),concat(|,txn.epoch)',
    `  http-request track-sc0 var(txn.admission) table ${inFlightTable} if !is_read`,
    '  http-request set-header X-Unit %[var(txn.unit)]',
    '  http-request set-header X-Epoch %[var(txn.epoch)]',
    '  http-request set-header X-Bucket %[var(txn.bucket)]',
    '  http-response set-header X-Unit %[var(txn.unit)]',
    '  http-response set-header X-Epoch %[var(txn.epoch)]',
    '  http-response set-header X-Bucket %[var(txn.bucket)]',
    `  use_backend ${readBackend('%[var(txn.unit)]')} if is_read`,
    `  use_backend ${writeBackend('%[var(txn.unit)]')} if !is_read`,
  ];
}

function backend(
  name: string,
  servers: readonly UnitServer[],
  checkEveryMs: number | undefined,
  tracked = '',
): readonly string[] {
  const extra = (server: UnitServer) => {
    if (tracked !== '') return ` track ${tracked}/${server.name}`;
    return checkEveryMs === undefined ? '' : ` check inter ${checkEveryMs}ms fall 2 rise 1`;
  };
  return [
    `backend ${name}`,
    ...servers.map((server) => `  server ${server.name} ${server.host}:${server.port}${extra(server)}`),
    '',
  ];
}

/** What HAProxy needs to find at its first start, before the agent has been there: everything closed. */
export const emptyMaps = { unitsMap: 'epoch 0\n', leaseMap: `${noUnit} 0\n` } as const;
