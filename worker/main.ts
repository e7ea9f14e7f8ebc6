#!/usr/bin/env node
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import { resolveSecret } from '../activities/secrets.ts';
import { bundleWorkflows } from './bundle.ts';
import { ConfigError, readWorkerConfig, workerEnvironment, type WorkerConfig } from './config.ts';
import { createLog } from './logging.ts';
import { createRedaction } from './redaction.ts';
import { ensureSearchAttributes } from './search-attributes.ts';
import { createReached } from './stop-points.ts';
import { temporalLogger } from './temporal-logger.ts';

/** How long running steps may go on after SIGTERM before they are told to stop, and before they are left to others. */
const shutdownGraceTime = '30 seconds';
const shutdownForceTime = '45 seconds';

async function runWorker(config: WorkerConfig): Promise<void> {
  const redaction = createRedaction();
  if (config.temporal.apiKey !== undefined) redaction.register(config.temporal.apiKey);
  const log = createLog(config.logLevel, redaction.redact);
  const logger = temporalLogger(log);
  Runtime.install({
    logger,
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
    shutdownSignals: ['SIGTERM', 'SIGINT'],
  });
  const { address, namespace, taskQueue, apiKey, tls } = config.temporal;
  const connection = await NativeConnection.connect({
    address,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
  });
  try {
    await ensureSearchAttributes(connection, namespace);
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue,
      workflowBundle:
        config.workflowBundle === undefined
          ? await bundleWorkflows(logger)
          : { codePath: config.workflowBundle },
      activities: createActivities({
        files: { inventoryFile: config.inventoryFile, runbooksFolder: config.runbooksFolder },
        surroundings: {
          secret: async (reference) => {
            const secret = await resolveSecret(reference);
            redaction.register(secret);
            return secret;
          },
          redact: redaction.redact,
          reached: createReached(config.stopAt),
        },
      }),
      ...workerTiming,
    });
    log.info({ address, namespace, taskQueue, inventory: config.inventoryFile }, 'worker started');
    await worker.run();
  } finally {
    await connection.close();
  }
}

const workerTiming = {
  shutdownGraceTime,
  shutdownForceTime,
  // The default of 10 s is how long a workflow waits for the cache of a worker that has died.
  stickyQueueScheduleToStartTimeout: '2 seconds',
  // Without this, beats are sent only after 80 % of the time-out, and with them travels the news of an abort.
  maxHeartbeatThrottleInterval: '1 second',
} as const;

function tlsOptions({ serverName, ca, clientCertificate }: NonNullable<WorkerConfig['temporal']['tls']>) {
  return {
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
    ...(clientCertificate === undefined ? {} : { clientCertPair: clientCertificate }),
  };
}

/** Exit codes: 0 stopped on request, 1 failed, 2 wrong configuration. */
try {
  await runWorker(readWorkerConfig(workerEnvironment()));
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}
