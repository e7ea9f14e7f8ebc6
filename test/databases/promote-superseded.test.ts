import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pointName } from '../../domain/promotion/points.ts';
import type { StepInput } from '../../domain/step.ts';
import type { PromoteDatabaseParameters } from '../../domain/step-parameters.ts';
import {
  leaving,
  promote,
  promotedIn,
  startTestCluster,
  stepInput,
  type TestCluster,
} from './test-cluster.ts';
import { startWriters, watchWritable, type Writers } from './writers.ts';

type Input = StepInput<PromoteDatabaseParameters>;

/** An attempt in its own process that stops (SIGSTOP) at a point: its sessions stay, and so do their locks. */
async function pausedAt(cluster: TestCluster, point: string, input: Input) {
  const marker = join(cluster.folder, `paused-${input.operation.epoch}`);
  const child = spawn(process.execPath, ['worker/run-step.ts', 'promoteDatabase'], {
    env: {
      ...process.env,
      SITESHIFT_STOP_AT: JSON.stringify([{ point: pointName(point), action: 'SIGSTOP', marker }]),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.end(JSON.stringify(input));
  await expect.poll(() => existsSync(marker), { timeout: 30_000 }).toBe(true);
  return async (): Promise<{ readonly code: number | null; readonly said: string }> => {
    const ended = once(child, 'exit') as Promise<[number | null]>;
    child.kill('SIGCONT');
    const [code] = await ended;
    return { code, said };
  };
}

/** A worker that falls silent is given up after seconds (heartbeats), and may wake up after the next one has begun. */
for (const engine of ['mariadb', 'mysql'] as const) {
  describe(`an attempt that is paused in mid-promotion on ${engine}`, () => {
    let cluster: TestCluster;
    let writers: Writers;
    let primary = 'east-1';
    let epoch = 10;
    beforeAll(async () => {
      cluster = await startTestCluster(engine, 'semisync');
      writers = await startWriters(cluster, { clients: 4, thinkMs: 10 });
      await writers.reach(40);
    });
    afterAll(async () => {
      await writers?.stop();
      await cluster?.close();
    });

    it.each(['after-freeze', 'after-drop-source', 'before-open'])(
      'gives way to the next one, and can do nothing more when it wakes up: %s',
      async (point) => {
        const input = stepInput(cluster.parameters(leaving(primary)), (epoch += 2));
        const watch = watchWritable(cluster);
        const wake = await pausedAt(cluster, point, input);

        const outcome = await promote(input);
        expect(outcome).toMatchObject({ status: 'done', leftToDo: [] });
        primary = promotedIn(outcome.summary);

        const { code, said } = await wake();
        expect(code).toBe(1);
        expect(said).toMatch(/the session (was lost|has been ended)/);
        expect((await promote(input)).status).toBe('already');
        await writers.reach(writers.acknowledged + 20);
        expect(await writers.missingOn(primary)).toEqual([]);
        await watch.stop();
        expect(watch.twice).toEqual([]);
      },
    );
  });
}
