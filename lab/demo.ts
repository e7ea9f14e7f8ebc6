import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { prepareClusters } from './demo/clusters.ts';
import { loseSiteAndFailOver } from './demo/site-loss.ts';
import { brokenPromises, goalMs, summarize, type DemoSummary } from './demo/summary.ts';
import { repositoryFile } from './sites/start-worker.ts';
import { tellErrors, wholeNumber } from './tell-errors.ts';
import { startTwoSiteLab } from './two-site-lab.ts';

const usage = `npm run demo [-- --kubernetes] [--json FILE] [--folder DIR] [--writes N]
Starts two sites, loses one under live writes, fails over with one command, counts what was kept.
--kubernetes: each site has a cluster, too; it is lost, restored, reapplied and compared object by object.
Exit codes: 0 every promise was kept, 1 one was broken or the demo failed, 2 wrong arguments.`;

tellErrors(usage);
const { values } = parseArgs({
  options: {
    kubernetes: { type: 'boolean', default: false },
    json: { type: 'string' },
    folder: { type: 'string', default: repositoryFile('.siteshift/demo') },
    writes: { type: 'string', default: '6000' },
    help: { type: 'boolean', default: false },
  },
});
const writes = wholeNumber('--writes', values.writes, 100);

if (values.help) console.log(usage);
else process.exitCode = await demo();

async function demo(): Promise<number> {
  const startedAt = Date.now();
  const say = (line: string) =>
    console.log(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  say('starting two sites on this machine (the first time the engines are fetched or built)');
  const lab = await startTwoSiteLab({
    folder: values.folder,
    fresh: true,
    endsOnSignals: true,
    kubernetes: values.kubernetes,
    say,
  });
  try {
    say(`Temporal UI: ${lab.uiUrl}`);
    const onProgress = (text: string) => process.stdout.write(text.replaceAll(/^(?=.)/gm, '          │ '));
    const clusters =
      lab.kubernetes === undefined
        ? undefined
        : await prepareClusters(lab, lab.kubernetes, { say, onProgress });
    const result = await loseSiteAndFailOver(lab, {
      lost: 'east',
      survivor: 'west',
      writesBefore: Math.ceil(writes / 2),
      writesAltogether: writes,
      say,
      onProgress,
    });
    const summary = summarize(result, lab, await clusters?.compare());
    print(summary);
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(summary, undefined, 2)}\n`);
    const broken = brokenPromises(summary, Math.min(writes, 5_000));
    for (const words of broken) console.error(`✗ ${words}`);
    return broken.length === 0 ? 0 : 1;
  } finally {
    await lab.close();
  }
}

function print(summary: DemoSummary): void {
  const promoted = summary.databases.map(
    ({ name, engine, freezeToOpenMs, electToOpenMs }) =>
      `${name} (${engine}) ${freezeToOpenMs ?? electToOpenMs ?? '?'} ms ${freezeToOpenMs === undefined ? 'election' : 'freeze'} to open`,
  );
  const rows: readonly (readonly [string, string])[] = [
    ['outcome', summary.outcome],
    ['acknowledged writes', String(summary.acknowledgedWrites)],
    [
      'lost / duplicate / misrouted',
      `${summary.lostWrites} / ${summary.duplicateWrites} / ${summary.misroutedWrites}`,
    ],
    [
      'two writable primaries',
      `${summary.twoWritablePrimaries.length} times in ${summary.writablePolls} looks, ${summary.writableLooksPerSecond} a second`,
    ],
    ['decision to first write', `${summary.decisionToFirstWriteMs} ms${goalWords(summary)}`],
    ['write gap of the lost users', `${summary.writeGapMs} ms`],
    ['databases', promoted.join(', ')],
    [
      'branches, from the decision',
      `databases ${summary.databaseBranchMs} ms${summary.clusterBranchMs === undefined ? '' : `, cluster ${summary.clusterBranchMs} ms`}`,
    ],
    ['consumers', `${summary.consumersAcked} of ${summary.consumersTotal} on the new primaries`],
    ...(summary.objectsExpected === undefined ? [] : [['cluster', clusterRow(summary)] as const]),
    ['report', summary.reportPath],
  ];
  console.log(`\n${rows.map(([name, value]) => `  ${name.padEnd(30)}${value}`).join('\n')}\n`);
}

function goalWords({ isGoalReached }: DemoSummary): string {
  return isGoalReached === undefined
    ? ''
    : ` (goal ${goalMs} ms ${isGoalReached ? 'reached' : 'not reached'})`;
}

function clusterRow({
  objectsExpected,
  objectsPresent,
  objectsReady,
  differences,
  kubernetesPeakMb,
}: DemoSummary) {
  return `${objectsPresent} of ${objectsExpected} objects are back, ${objectsReady} ready, ${differences?.length} differences (${kubernetesPeakMb} MB)`;
}
