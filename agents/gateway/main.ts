#!/usr/bin/env node
import pino from 'pino';
import { stampRules } from '../../domain/rules-digest.ts';
import { gatewayAgent } from './agent.ts';
import { ConfigError, readConfig } from './config.ts';
import { startLeaseKeeper, type LeaseKeeper } from './lease-keeper.ts';
import { masterCli } from './master-cli.ts';
import { peersOf } from './peers.ts';
import { proxyKeeper } from './proxy-keeper.ts';
import { openRecordFile } from './record-file.ts';
import { agentRoutes } from './routes.ts';
import { startServer } from './server.ts';
import { readTlsFiles } from './tls.ts';
import { workerTables } from './worker-tables.ts';

async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2), process.env);
  const { gateway, domain, haproxy } = config;
  const log = pino({ name: 'siteshift-gateway-agent', level: config.logLevel }).child({ gateway, domain });
  const tls = config.tls === undefined ? undefined : readTlsFiles(config.tls);

  const file = await openRecordFile(config);
  const cli = masterCli(haproxy.masterSocket, Math.max(250, Math.floor(config.leaseMs / 4)));
  const proxy = proxyKeeper(workerTables(cli, haproxy), () => cli.workers(), haproxy);
  const agent = gatewayAgent(config, file, proxy);
  const peers = peersOf(config, config.peers, tls);
  // The proxy cannot start without its files; without a proxy this fails, and the rounds try again.
  await proxy
    .install(() => agent.record.accepted)
    .catch((error: unknown) => log.info({ error: String(error) }, 'proxy not reached yet'));

  let leases: LeaseKeeper | undefined;
  const routes = agentRoutes(
    config,
    agent,
    proxy,
    () => leases ?? { notRenewing: () => 'it has just started', stop: async () => {} },
  );
  const server = await startServer({ gateway, listen: config.listen, tls, routes, log });
  const members = [gateway, ...Object.keys(config.peers)].sort();
  const initial =
    config.initial === undefined
      ? undefined
      : stampRules({ domain, epoch: 1, operation: 'initial', members, table: config.initial });
  leases = startLeaseKeeper({ config, agent, peers, proxy, initial, log });
  log.info(
    { port: server.port, bootId: file.bootId, accepted: agent.record.accepted.epoch },
    'gateway agent is listening',
  );

  const keeper = leases;
  const stop = () =>
    void Promise.all([server.close(), keeper.stop()])
      .then(() => peers.close())
      .finally(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

try {
  await main();
} catch (error) {
  if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
  else pino({ name: 'siteshift-gateway-agent' }).fatal({ err: error }, 'gateway agent cannot start');
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}
