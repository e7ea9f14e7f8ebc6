#!/usr/bin/env node
import pino from 'pino';
import { startCollector } from './collector.ts';
import { readCollectorConfig } from './config.ts';

const log = pino({ name: 'siteshift-collector' });

async function main(): Promise<void> {
  const config = readCollectorConfig(process.env);
  const collector = await startCollector(config, log);
  log.info({ host: config.host, port: collector.port, bootId: collector.bootId }, 'collector is listening');
  const stop = () => void collector.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

try {
  await main();
} catch (error) {
  log.fatal({ err: error }, 'collector cannot start');
  process.exitCode = 1;
}
