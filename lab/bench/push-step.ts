import type { Operation } from '../../domain/operation.ts';
import type { ConfigCenter } from '../../domain/schema/inventory.ts';
import type { PushDatasourceParameters } from '../../domain/step-parameters.ts';
import type { StepInput, StepOutcome } from '../../domain/step.ts';
import type { Accounts, DatabaseServer } from '../engines/database-server.ts';
import { runProductStep } from '../sites/run-step.ts';

export const accounts: Accounts = {
  admin: { user: 'siteshift', password: 'bench-admin' },
  replication: { user: 'replica', password: 'bench-replica' },
  application: { user: 'app', password: 'bench-app' },
};
/** For every process of the bench; the documents and the parameters only name them. */
export const environment = {
  BENCH_ADMIN: accounts.admin.password,
  BENCH_REPLICA: accounts.replication.password,
  BENCH_APP: accounts.application.password,
};

/** What the product's step is asked for: these servers, this center and no more collectors than the round has. */
export function pushParameters(
  center: ConfigCenter,
  key: string,
  servers: ReadonlyMap<string, DatabaseServer>,
  collectors: readonly { readonly site: string; readonly url: string }[],
  fromSite: string,
  toSite: string,
): PushDatasourceParameters {
  const node = ([site, { host, port }]: [string, DatabaseServer]) =>
    [`${site}-1`, { site, host, port, neverPromote: false }] as const;
  return {
    name: 'orders',
    datasource: {
      database: 'orders',
      schema: 'shop',
      user: accounts.application.user,
      password: 'env:BENCH_APP',
      publishTo: [{ center: 'center', key, group: 'DEFAULT_GROUP' }],
      canary: 0, // publish to applied is measured; a canary comes before it
      ackTimeoutMs: 10_000,
    },
    cluster: {
      engine: 'mariadb',
      durability: 'async',
      ackers: 1,
      nodes: Object.fromEntries([...servers].map(node)),
      admin: { user: accounts.admin.user, password: 'env:BENCH_ADMIN' },
      replication: { user: accounts.replication.user, password: 'env:BENCH_REPLICA' },
      journalSchema: 'siteshift',
      clearSessions: 'kill',
      freezeTimeoutMs: 5_000,
      catchUpTimeoutMs: 60_000,
      maxLagTransactions: 0,
    },
    centers: { center },
    collectors: Object.fromEntries(collectors.map(({ site, url }) => [site, { site, url }])),
    fromSite,
    toSite,
  };
}

/** The product's own step, as a process of its own: `node worker/run-step.ts pushDatasource`. */
export async function runPush(parameters: PushDatasourceParameters, epoch: number): Promise<StepOutcome> {
  const operation: Operation = { id: `bench/${epoch}`, domain: 'bench', epoch, reason: 'bench', by: 'bench' };
  const input: StepInput<PushDatasourceParameters> = {
    operation,
    step: 'push',
    mode: 'apply',
    style: 'graceful',
    parameters,
  };
  const [outcome] = await runProductStep('pushDatasource', [input], environment);
  if (outcome === undefined) throw new Error('pushDatasource gave no outcome');
  return outcome;
}
