import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { exitCodes } from '../../client/exit-codes.ts';
import { swap, validInventory, validRunbook } from '../schema/valid-texts.ts';
import { siteshift } from './cli-process.ts';

vi.setConfig({ testTimeout: 120_000 }); // each test starts processes, on machines that may be busy

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-cli-'));
  mkdirSync(join(folder, 'runbooks'));
  writeFileSync(join(folder, 'siteshift.yaml'), validInventory);
  writeFileSync(join(folder, 'runbooks', 'move.yaml'), validRunbook);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Port 1 answers nobody: what must not need Temporal is shown not to. */
const run = (words: readonly string[], more: { readonly [name: string]: string } = {}) =>
  siteshift(words, {
    SITESHIFT_TEMPORAL_ADDRESS: '127.0.0.1:1',
    SITESHIFT_INVENTORY: join(folder, 'siteshift.yaml'),
    SITESHIFT_RUNBOOKS: join(folder, 'runbooks'),
    ...more,
  });

test('the documented exit codes are those of the program', () => {
  const rows = [...readFileSync('docs/cli.md', 'utf8').matchAll(/^\| (\d) +\| (.+?) +\|$/gm)];
  expect(rows.map(([, code, meaning]) => ({ code: Number(code), meaning }))).toEqual(
    Object.values(exitCodes),
  );
});

describe('check', () => {
  test('valid files: 0, and which moves compile', async () => {
    const { code, out } = await run(['check']);
    expect(code).toBe(0);
    expect(out).toContain('1 runbooks are valid (domain shop)');
    expect(out).toContain('  move from east to west: compiles');
  });

  test('every problem of every file at once, as lines and as JSON', async () => {
    const inventory = join(folder, 'broken.yaml');
    const runbooks = join(folder, 'broken');
    mkdirSync(runbooks, { recursive: true });
    writeFileSync(inventory, swap(validInventory, 'engine: mysql', 'engine: postgres'));
    writeFileSync(join(runbooks, 'move.yaml'), swap(validRunbook, 'uses: openUnits', 'uses: openUnit'));
    writeFileSync(join(runbooks, 'other.yaml'), validRunbook);
    const broken = { SITESHIFT_INVENTORY: inventory, SITESHIFT_RUNBOOKS: runbooks };
    const lines = await run(['check'], broken);
    expect(lines.code).toBe(1);
    expect(lines.out).toContain(
      'broken.yaml:8:13 databases.orders.engine: expected "mysql" or "mariadb", saw "postgres"',
    );
    expect(lines.out).toContain('move.yaml:21:11 steps[3].uses: expected "fenceUnits"');
    expect(lines.out).toContain('other.yaml:2:7 name: expected "other", as the file is called, saw "move"');
    const { problems } = JSON.parse((await run(['--json', 'check'], broken)).out) as {
      problems: { line: number }[];
    };
    expect(problems.map(({ line }) => line)).toEqual([8, 21, 2]);
  });

  test('secrets are tried when asked for, and not shown', async () => {
    const { code, out } = await run(['check', '--secrets'], { ORDERS_ADMIN: 'S3cr3t', PAGE: '' });
    expect(code).toBe(1);
    expect(out).toContain('saw env:PAGE (empty)');
    expect(out).not.toMatch(/ORDERS_ADMIN \(|S3cr3t/);
  });

  test('a folder that is not there is a problem, not a crash', async () => {
    const missing = await run(['check', '--json'], { SITESHIFT_RUNBOOKS: join(folder, 'none') });
    expect(missing.code).toBe(1);
    expect(missing.out).toContain('expected a readable folder, saw none');
  });
});

describe('what is wrong is told before anything is sent', () => {
  test.each<readonly [string, readonly string[], string]>([
    ['an unknown command', ['fail-over'], "unknown command 'fail-over'"],
    ['an unknown option', ['check', '--fast'], "unknown option '--fast'"],
    [
      'a real run without a reason',
      ['run', 'move', '--from', 'east', '--to', 'west'],
      'reason is required for mode real',
    ],
    ['a site that is no name', ['plan', 'move', '--from', 'East Side'], 'from must be a name'],
    [
      'the same site twice',
      ['plan', 'move', '--from', 'east', '--to', 'east'],
      'from and to are both "east"',
    ],
    ['a parameter without a value', ['plan', 'move', '--param', 'database'], 'expected name=value'],
    ['an unknown style', ['plan', 'move', '--style', 'brutal'], 'Allowed choices are graceful, forced'],
    ['a digest that is none', ['run', 'move', '--reason', 'x', '--plan-digest', 'abc'], 'the 64 hex digits'],
    ['a skip without a reason', ['skip', 'run-1', 'fence'], 'skip: reason must be a text'],
    ['an approval without a digest', ['approve', 'run-1'], 'approve: planDigest must be a text'],
    [
      'a style that is none',
      ['style', 'run-1', 'brutal', '--reason', 'x'],
      'style must be graceful or forced',
    ],
    ['a history of another shape', ['report', '--history', 'package.json'], 'expected JSON with "events"'],
    [
      'a history that is not there',
      ['report', '--history', 'nowhere.json'],
      'expected a file at nowhere.json',
    ],
    ['a report of nothing', ['report'], 'name a run, or give its exported --history'],
  ])('%s', async (_, words, message) => {
    const { code, err } = await run(words);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(message) as string });
  });

  test('a wrong environment', async () => {
    const { code, err } = await run(['status'], {
      SITESHIFT_TEMPORAL_ADDRESS: 'temporal',
      SITESHIFT_TEMPORAL_ADDRES: 'temporal:7233',
      SITESHIFT_TEMPORAL_TLS: 'yes',
      SITESHIFT_TEMPORAL_TLS_CERT: 'x',
    });
    expect(code).toBe(2);
    expect(err).toContain('SITESHIFT_TEMPORAL_ADDRESS: expected host:port, seen "temporal"');
    expect(err).toContain('SITESHIFT_TEMPORAL_ADDRES: unknown; known: SITESHIFT_TEMPORAL_ADDRESS, ');
    expect(err).toContain('SITESHIFT_TEMPORAL_TLS: expected true or false, seen "yes"');
    expect(err).toContain('SITESHIFT_TEMPORAL_TLS_CERT: expected a readable file, seen x');
  });

  test.each<readonly [string, readonly string[], string]>([
    ['no command', ['--json'], 'expected a command'],
    ['an unknown command', ['--json', 'frobnicate'], "unknown command 'frobnicate'"],
    ['a missing argument', ['plan', '--json'], "missing required argument 'runbook'"],
    ['an unknown option', ['check', '--fast', '--json'], "unknown option '--fast'"],
  ])('%s, as JSON', async (_, words, message) => {
    const { code, out } = await run(words);
    expect({ code, answer: JSON.parse(out) as unknown }).toEqual({
      code: 2,
      answer: { ok: false, ending: 'usage', message },
    });
  });
});

test('without Temporal: 5, in words and as JSON', async () => {
  const { code, out, err } = await run(['--json', 'status']);
  expect(code).toBe(5);
  expect(err).toContain('could not connect to Temporal at 127.0.0.1:1');
  expect(JSON.parse(out)).toMatchObject({ ok: false, ending: 'unreachable' });
  expect(await run(['doctor'])).toMatchObject({
    code: 5,
    out: expect.stringContaining('set SITESHIFT_TEMPORAL_ADDRESS to where it listens') as unknown,
  });
});

test('the doctor says whether anybody rehearses a failover of the clusters', async () => {
  const clusters = async (more: { readonly [name: string]: string }) => {
    const { findings } = JSON.parse((await run(['--json', 'doctor'], more)).out) as {
      findings: readonly { what: string }[];
    };
    return findings.filter(({ what }) => what === 'clusters');
  };
  const example = { SITESHIFT_INVENTORY: 'siteshift.example.yaml' };
  const [without, rehearsed, none] = await Promise.all([
    clusters(example),
    clusters({ ...example, SITESHIFT_RUNBOOKS: 'runbooks' }),
    clusters({}), // an inventory without any
  ]);
  expect(without).toEqual([
    {
      what: 'clusters',
      ok: false,
      detail:
        'nobody looks at backups, manifests, definitions and quotas before they are needed: no runbook for two sites has a step rehearseKubernetes',
      remedy: 'take runbooks/kubernetes-rehearsal.yaml of siteshift',
    },
  ]);
  expect(rehearsed).toEqual([{ what: 'clusters', ok: true, detail: 'rehearsed by kubernetes-rehearsal' }]);
  expect(none).toEqual([]);
});

test('a reader that has had enough ends the command without a word', () => {
  const script = 'set -o pipefail; "$0" client/cli.js schemas | true';
  const { status, stderr } = spawnSync('bash', ['-c', script, process.execPath], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 141, stderr: '' });
});

test('--version', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(await run(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
});

test('schemas lists the step kinds, and writes what editors read', async () => {
  expect((await run(['schemas'])).out).toContain('promoteDatabase (point-of-no-return)');
  const target = join(folder, 'schemas');
  expect(await run(['schemas', '--output', target])).toMatchObject({ code: 0 });
  expect(readFileSync(join(target, 'runbook.schema.json'), 'utf8')).toBe(
    readFileSync('runbooks/schema/runbook.schema.json', 'utf8'),
  );
});

test('exported histories become a report without Temporal, the same bytes each time', async () => {
  const { parent, child } = JSON.parse(readFileSync('test/report/parked-run.history.json', 'utf8')) as {
    parent: object;
    child: object;
  };
  const files = ['parent', 'child'].map((name) => join(folder, `${name}.json`));
  writeFileSync(files[0] ?? '', JSON.stringify(parent));
  writeFileSync(files[1] ?? '', JSON.stringify(child));
  const rounds = ['one', 'two'].map((name) => join(folder, name));
  for (const round of rounds)
    expect(await run(['report', '--history', ...files, '--format', 'all', '--output', round])).toMatchObject({
      code: 0,
    });
  for (const extension of ['md', 'html', 'json']) {
    const [one, two] = rounds.map((round) => readFileSync(`${round}.${extension}`, 'utf8'));
    expect(two).toBe(one);
  }
  const nowhere = await run(['report', '--history', ...files, '--output', '/nope/x', '--json']);
  expect([nowhere.code, JSON.parse(nowhere.out)]).toEqual([
    2,
    {
      ok: false,
      ending: 'usage',
      message: 'write the report: expected to write /nope/x.md, saw ENOENT',
    },
  ]);
  const { out } = await run(['report', '--history', ...files, '--json']);
  expect(JSON.parse(out)).toEqual({
    ok: true,
    ...(JSON.parse(readFileSync(join(folder, 'one.json'), 'utf8')) as object),
  });
  expect(await run(['report', '--history', ...files, '--format', 'all'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--format all needs --output PATH') as unknown,
  });
});
