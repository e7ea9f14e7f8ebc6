import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromHistory, rebuildFromHistory } from '../../domain/report/from-history.ts';
import type { History } from '../../domain/report/history-events.ts';
import { renderHistoryMarkdown } from '../../domain/report/history-markdown.ts';
import { renderHtml } from '../../domain/report/html.ts';
import { renderJson } from '../../domain/report/json.ts';
import type { RunRecord } from '../../domain/run.ts';

/** A real run's histories: a promotion refused, its loss accepted by carl, a verification skipped by him. */
const histories = JSON.parse(readFileSync('test/report/parked-run.history.json', 'utf8')) as {
  parent: History;
  child: History;
};
const report = fromHistory(histories);
const stepOf = (record: RunRecord, id: string) => record.steps.find((step) => step.id === id);

/** The history as it was after `count` events: a run that still goes on. */
const cut = ({ events }: History, count: number): History => ({ events: events.slice(0, count) });
/** The entry's history up to the start of the workflow that executes the plan. */
const entryWhileRunning = cut(
  histories.parent,
  histories.parent.events.findIndex((event) => 'childWorkflowExecutionStartedEventAttributes' in event) + 1,
);
/** Every value and key of a member replaced, wherever it stands. */
const withText = (from: string, to: string) => {
  const encode = (text: string) => Buffer.from(text).toString('base64');
  return JSON.parse(JSON.stringify(histories), (key, value: unknown) =>
    key === 'data' && typeof value === 'string'
      ? encode(
          Buffer.from(value, 'base64').toString('utf8').replaceAll(from, JSON.stringify(to).slice(1, -1)),
        )
      : value,
  ) as typeof histories;
};

describe('what a report says', () => {
  const markdown = renderHistoryMarkdown(report);

  test.each([
    ['who and why', '| Asked by | ann |\n| Reason | storm |'],
    ['how it ended', '# move from east to west: completed with skips'],
    ['the epoch', '| Epoch | 12 (fence), 13 (open) |'],
    ['a decision', '| carl | accept promote/orders | acceptLoss: because I say so |'],
    ['what it rested on', 'after refused: may lose 3 transactions; needs acceptLoss: up to 3 are lost'],
    ['what was skipped', '## Skipped\n\n- verify/west-a: skipped by carl: because I say so'],
    ['what is to do', 'verify/west-a: skipped by carl (because I say so); see to it by hand'],
    [
      'the loss ledger',
      '| promote/billing | candidate holds exactly the freeze position | "0-11-4711" | billing-west |',
    ],
    ['attempts', 'done after 2 attempts; point-of-no-return'],
    ['durations', 'Durations: freezeToOpen 31 ms'],
    ['the write gap', '| Write gap of the moved users |'],
    ['where the time went', '| Only people were waited for |'],
    ['the critical path', 'claim → fence → promote/orders → push/orders-rw → open → verify/west-a'],
  ])('%s', (_, text) => {
    expect(markdown).toContain(text);
  });

  test('each line of the timeline names the event that proves it', () => {
    const rows = markdown.split('## Timeline\n\n')[1]?.split('\n\n')[0]?.split('\n').slice(2) ?? [];
    expect(rows.length).toBeGreaterThan(15);
    expect(rows.filter((row) => !/ event \d+ \|$/.test(row))).toEqual([]);
  });
});

test('the clock adds up, and the wait for carl is the time between refusal and answer', () => {
  const { clock, timeline } = report;
  expect(clock.machineMs + clock.peopleMs + clock.betweenMs).toBe(clock.totalMs);
  const wait = timeline.bars.find((bar) => bar.kind === 'person' && bar.lane === 'promote/orders');
  const refused = timeline.bars.find((bar) => bar.kind === 'work' && bar.lane === 'promote/orders');
  const accepted = timeline.marks.find((mark) => mark.lane === 'promote/orders');
  expect([wait?.from, wait?.to]).toEqual([refused?.to, accepted?.at]);
});

test('an attempt that found the promotion made keeps the ledger; one without a word about the loss says so', () => {
  const steps = report.record.steps.map((step) => {
    if (step.outcome === undefined || step.kind !== 'promoteDatabase') return step;
    const evidence = step.id === 'promote/billing' ? step.outcome.evidence : [];
    return { ...step, outcome: { ...step.outcome, status: 'already' as const, evidence } };
  });
  const changed = { ...report, record: { ...report.record, steps } };
  for (const text of [renderHistoryMarkdown(changed), renderHtml(changed)]) {
    expect(text).toContain('candidate holds exactly the freeze position');
    expect(text).toContain('not known: the attempt that promoted it recorded nothing about it');
  }
});

describe('the same history gives the same bytes', () => {
  test.each([
    ['Markdown', renderHistoryMarkdown],
    ['HTML', renderHtml],
    ['JSON', renderJson],
  ])('%s', (_, render) => {
    const again = fromHistory(JSON.parse(JSON.stringify(histories)) as typeof histories);
    expect(render(again)).toBe(render(report));
  });
});

describe('a history without a result', () => {
  test('at its end, the rules give the record that the workflow itself gave', () => {
    const untimed = (record: RunRecord) =>
      JSON.stringify(record, (key, value: unknown) =>
        ['at', 'startedAt', 'endedAt'].includes(key) ? 0 : value,
      );
    const sorted = (text: string) => JSON.parse(text) as unknown;
    expect(sorted(untimed(rebuildFromHistory(histories)))).toEqual(sorted(untimed(report.record)));
  });

  test('at every event before it, there is a report of what has happened so far', () => {
    const phases = histories.child.events.map((_, count) => {
      const { parent, child } = { parent: entryWhileRunning, child: cut(histories.child, count + 1) };
      const partial = fromHistory({ parent, child });
      expect(renderHistoryMarkdown(partial)).toContain('# move from east to west');
      expect(renderHtml(partial)).toContain('</html>');
      return partial.record.phase;
    });
    expect(new Set(phases)).toEqual(new Set(['running', 'parked', 'closed']));
  });

  test('parked: the step waits, and its refusal is there', () => {
    const parkedAt = histories.child.events.findIndex(
      (event) => 'workflowExecutionUpdateAcceptedEventAttributes' in event,
    );
    const { record } = fromHistory({
      parent: entryWhileRunning,
      child: cut(histories.child, parkedAt),
    });
    expect(stepOf(record, 'promote/orders')).toMatchObject({
      state: 'parked',
      outcome: { status: 'refused' },
    });
    expect(stepOf(record, 'open')).toMatchObject({ state: 'waiting' });
    expect(record.outcome).toBeUndefined();
  });

  test('before there is a plan: who asked for what, and nothing else', () => {
    const { record } = fromHistory({ parent: cut(histories.parent, 3) });
    expect(record).toMatchObject({ phase: 'observing', steps: [], request: { by: 'ann', runbook: 'move' } });
  });
});

test('another history is refused, and a missing or encrypted one is told', () => {
  expect(() => fromHistory({ parent: histories.child })).toThrow(
    'build a report: expected the history of a runRunbook workflow, seen executePlan',
  );
  expect(() => fromHistory({ parent: { events: [] } })).toThrow('seen none');
  expect(fromHistory({ parent: entryWhileRunning }).gaps).toEqual([
    'the history of the workflow that executed the plan is missing',
  ]);
  const encrypted = JSON.parse(
    JSON.stringify(histories).replaceAll(
      Buffer.from('json/plain').toString('base64'),
      btoa('binary/encrypted'),
    ),
  ) as typeof histories;
  expect(fromHistory(encrypted).gaps).toContain(
    'the input of the run is encoded in a way that this report cannot read',
  );
});

describe('nothing in a run can break out of its report', () => {
  const evil = '<script>alert(1)</script>"\'&|x\n## Forged heading';
  const attacked = fromHistory(withText('because I say so', evil));

  test('HTML: no script, no attribute, nothing from outside', () => {
    const html = renderHtml(attacked);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toMatch(/<script|<img|<iframe|href=|src=|url\(/);
    expect(html).toContain("default-src 'none'");
  });

  test('Markdown: no HTML, no further column, no heading of its own', () => {
    const markdown = renderHistoryMarkdown(attacked);
    expect(markdown).not.toContain('<script');
    expect(markdown).not.toMatch(/^## Forged/m);
    expect(markdown).toContain('&lt;script>alert(1)&lt;/script>"\'&\\|x ## Forged heading');
  });
});
