import { afterAll, beforeAll, expect, test } from 'vitest';
import { crash } from '../../lab/faults.ts';
import { openScenario, type Scenario } from './scenario.ts';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario({ nacos: false });
});
afterAll(() => scenario.close());

test('a run goes on where it was when the Temporal server is back on its file', async () => {
  const { lab } = scenario;
  const started = await scenario.cli(
    'run',
    'site-failover',
    '--from',
    'east',
    '--to',
    'west',
    '--detach',
    '--reason',
    'Temporal dies',
  );
  const { workflowId } = started.value as { workflowId: string };
  // The fence is the first thing that users notice: from here on, nobody wants to wait for a person.
  await untilFenced();
  await crash(lab, 'temporal', 2_000);

  const outcome = await untilClosed(workflowId);
  expect(outcome).toBe('completed');
  await scenario.judge();
});

async function untilFenced(): Promise<void> {
  const before = scenario.writer.counters().fenced;
  const deadline = Date.now() + 60_000;
  while (scenario.writer.counters().fenced === before) {
    if (Date.now() > deadline) throw new Error('no write was fenced within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function untilClosed(workflowId: string): Promise<string | undefined> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const { code, value } = await scenario.cli('status', workflowId);
    const { record } = value as { record?: { phase: string; outcome?: string } };
    if (record?.phase === 'closed') return record.outcome;
    if (Date.now() > deadline)
      throw new Error(`not closed within 120 s: exit code ${code}, ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
