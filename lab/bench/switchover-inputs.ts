import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StepInput } from '../../domain/step.ts';
import type { PromoteDatabaseParameters } from '../../domain/step-parameters.ts';
import type { LabCluster } from '../sites/start-databases.ts';
import type { BareInput } from './bare-switchover.ts';

/** One planned move of a cluster's primary. */
export interface Move {
  readonly cluster: LabCluster;
  /** For the files with the passwords. */
  readonly folder: string;
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
}

export function bareInput({ cluster, from, to }: Move): BareInput {
  const { admin, replication } = cluster.accounts;
  return {
    engine: cluster.engine,
    from,
    to,
    nodes: Object.fromEntries([...cluster.nodes].map(([name, { host, port }]) => [name, { host, port }])),
    admin,
    replication,
  };
}

/** Every node but `to` is marked neverPromote, so that both variants promote the same server. */
export function stepInput({ cluster, folder, from, to, epoch }: Move): StepInput<PromoteDatabaseParameters> {
  const account = (role: 'admin' | 'replication') => {
    const file = join(folder, `secret-${role}`);
    writeFileSync(file, cluster.accounts[role].password, { mode: 0o600 });
    return { user: cluster.accounts[role].user, password: `file:${file}` };
  };
  const site = (name: string) => cluster.nodes.get(name)?.layout.site ?? '';
  return {
    operation: { id: `bench/${epoch}`, domain: 'shop', epoch, reason: 'bench', by: 'bench' },
    step: `promote/${cluster.name}`,
    mode: 'apply',
    style: 'graceful',
    parameters: {
      database: cluster.name,
      cluster: {
        engine: cluster.engine,
        durability: cluster.durability,
        ackers: 1,
        nodes: Object.fromEntries(
          [...cluster.nodes].map(([name, { layout, host, port }]) => [
            name,
            { site: layout.site, host, port, neverPromote: name !== to },
          ]),
        ),
        admin: account('admin'),
        replication: account('replication'),
        journalSchema: 'siteshift',
        clearSessions: 'kill',
        freezeTimeoutMs: 5_000,
        catchUpTimeoutMs: 60_000,
        maxLagTransactions: 10_000,
      },
      primary: from,
      toSite: site(to),
      fromSite: site(from),
      acceptableLossTransactions: 0,
    },
  };
}
