import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { readDocument } from '../../agents/follower/read-document.ts';
import { documentDigestText } from '../../domain/datasource-document.ts';
import { checkAcknowledgement, checkRegisteredConsumer } from '../../domain/datasource-messages.ts';
import { rulesDigest } from '../../domain/rules-digest.ts';
import { parsePromiseRequest, parseRules } from '../../domain/schema/gateway-messages.ts';

/** Whoever writes a follower or an agent in another language starts from these examples: they have to be true. */
const blocksOf = (page: string, language: string): readonly string[] => {
  const text = readFileSync(resolve(import.meta.dirname, '../../docs', page), 'utf8');
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, marked]) => marked === language)
    .map(([, , block]) => block ?? '');
};

test('the follower page shows a document with its digest, an entry of the registry and acknowledgements', () => {
  const [document = '', entry = '', , acknowledged = '', refused = ''] = blocksOf(
    'datasource-follower.md',
    'json',
  );
  const read = readDocument(document);
  expect(blocksOf('datasource-follower.md', 'text')[0]?.trim()).toBe(documentDigestText(read.document));
  expect(checkRegisteredConsumer(JSON.parse(entry))).toMatchObject({ digest: read.digest, epoch: 6 });
  expect(checkAcknowledgement(JSON.parse(acknowledged))).toMatchObject({ digest: read.digest });
  expect(checkAcknowledgement(JSON.parse(refused))).toMatchObject({ digest: read.digest });
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/datasource-follower.md'), 'utf8');
  expect(page).toContain(`That of the document above is \`${read.digest}\``);
});

test('the agent page shows a promise and rules with their digest', () => {
  const [, promise = '', rules = '', , acknowledged = ''] = blocksOf('gateway-agent.md', 'json');
  expect(parsePromiseRequest(JSON.parse(promise))).toMatchObject({ ok: true });
  const parsed = parseRules(JSON.parse(rules));
  if (!parsed.ok) throw new Error(parsed.problems.join('; '));
  expect(parsed.message.digest).toBe(rulesDigest(parsed.message));
  const { digest, workers } = JSON.parse(acknowledged) as { digest: string; workers: { digest: string }[] };
  expect([digest, workers[0]?.digest]).toEqual([parsed.message.digest, parsed.message.digest]);
});
