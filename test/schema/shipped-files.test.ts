import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { jsonSchemas } from '../../client/json-schemas.ts';
import { possibleMoves } from '../../client/possible-moves.ts';
import { readSources } from '../../client/source-files.ts';
import { stepWith } from '../../domain/schema/step-with.ts';
import { stepKindNames } from '../../domain/step-kinds.ts';

const runbooks = readdirSync('runbooks').filter((file) => file.endsWith('.yaml'));
const headings = ['Meaning', 'Impact', 'Decision', 'Command', 'Validation', 'If it stops half-way'];

test.each(jsonSchemas())('the published $name is what the validator uses', ({ name, text }) => {
  // Stale? node client/generate-schemas.ts
  expect(readFileSync(`runbooks/schema/${name}`, 'utf8')).toBe(text);
});

describe('each shipped runbook', () => {
  test.each(runbooks)('%s has a page for the person on call', (file) => {
    const page = readFileSync(`runbooks/${file.replace('.yaml', '.md')}`, 'utf8');
    const found = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(found).toEqual(headings);
    expect(page).toContain(`siteshift plan ${file.replace('.yaml', '')}`);
  });

  test.each(runbooks)('%s names its schema for editors', (file) => {
    expect(readFileSync(`runbooks/${file}`, 'utf8')).toMatch(
      /^# yaml-language-server: \$schema=schema\/runbook\.schema\.json\n/,
    );
  });
});

test('the example inventory and the runbooks are valid, and every move of the example compiles', async () => {
  const { inventory, runbooks: loaded, problems } = await readSources('siteshift.example.yaml', 'runbooks');
  expect(problems).toEqual([]);
  if (inventory === undefined) throw new Error('the example cannot be read');
  expect(loaded.map(({ value }) => `${value.name}.yaml`)).toEqual(runbooks);
  expect(possibleMoves(inventory, loaded).filter(({ isPossible }) => !isPossible)).toEqual([]);
});

test('every step kind but the claim can be used in a runbook', () => {
  expect(Object.keys(stepWith).sort()).toEqual(stepKindNames.filter((kind) => kind !== 'claimEpoch').sort());
});
