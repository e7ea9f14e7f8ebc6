import { join } from 'node:path';
import { socketPath, type ServerOptions } from './database-server.ts';
import type { ServerSettings } from './option-file.ts';

/** One server's option file. Closed, with its replication stopped and its relay log kept, at every start. */
export function mysqlSettings(options: ServerOptions, program: ServerSettings): ServerSettings {
  const { dataDir, port } = options;
  return {
    ...program,
    datadir: dataDir,
    socket: socketPath(dataDir),
    'pid-file': join(dataDir, 'server.pid'),
    port,
    'bind-address': '127.0.0.1',
    mysqlx: 'OFF',
    'skip-name-resolve': 'ON',
    'report-host': '127.0.0.1',
    'report-port': port,
    'secure-file-priv': 'NULL', // the folder that Debian compiled in does not exist, and the server would abort
    'max-connections': options.maxConnections ?? 100,
    'super-read-only': 'ON',
    'skip-replica-start': 'ON',
    'relay-log-recovery': 'OFF',
    'sync-binlog': 1,
    'innodb-flush-log-at-trx-commit': 1,
    'server-id': options.serverId,
    'gtid-mode': 'ON',
    'enforce-gtid-consistency': 'ON',
    'log-replica-updates': 'ON',
    'log-bin': 'binlog',
    'relay-log': 'relay',
    'replica-parallel-workers': 8,
    'replica-preserve-commit-order': 'ON',
    'replica-net-timeout': 10,
    ...SMALL_MEMORY,
  };
}

/** Half the memory of a default server; durability and what the product reads in performance_schema are kept. */
const SMALL_MEMORY: ServerSettings = {
  'innodb-buffer-pool-size': '24M',
  'innodb-log-buffer-size': '1M',
  'innodb-redo-log-capacity': '64M',
  'innodb-page-cleaners': 1,
  'table-open-cache': 200,
  'table-open-cache-instances': 1,
  'table-definition-cache': 400,
  'temptable-max-ram': '4M',
  'key-buffer-size': '64K',
  'host-cache-size': 0,
  'thread-cache-size': 8,
  'performance-schema': 'ON',
  'performance-schema-instrument': ["'%=OFF'", "'wait/lock/metadata/sql/mdl=ON'"],
  'performance-schema-digests-size': 0,
  'performance-schema-error-size': 0,
  'performance-schema-max-digest-length': 0,
  'performance-schema-max-sql-text-length': 0,
  'performance-schema-max-mutex-classes': 0,
  'performance-schema-max-thread-instances': 160,
  'performance-schema-max-table-instances': 200,
  'performance-schema-max-table-handles': 200,
  'performance-schema-events-statements-history-size': 0,
  'performance-schema-events-statements-history-long-size': 0,
  'performance-schema-events-waits-history-size': 0,
  'performance-schema-events-waits-history-long-size': 0,
  'performance-schema-events-stages-history-size': 0,
  'performance-schema-events-stages-history-long-size': 0,
  'performance-schema-events-transactions-history-size': 0,
  'performance-schema-events-transactions-history-long-size': 0,
};
