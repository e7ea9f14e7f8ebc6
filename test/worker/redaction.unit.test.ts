import { expect, test } from 'vitest';
import { createRedaction } from '../../worker/redaction.ts';
import { resolveSecret } from '../../activities/secrets.ts';

test('a registered secret is taken out as it is, inside JSON and inside a URL', () => {
  const { register, redact } = createRedaction();
  register('pa"ss/wörd');
  const text = `plain pa"ss/wörd, json ${JSON.stringify({ password: 'pa"ss/wörd' })}, url ${encodeURIComponent('pa"ss/wörd')}`;
  expect(redact(text)).toBe('plain [redacted], json {"password":"[redacted]"}, url [redacted]');
});

test('JSON stays JSON', () => {
  const { register, redact } = createRedaction();
  register('secret"with\\quotes');
  const outcome = { summary: 'login with secret"with\\quotes failed', evidence: [1, null] };
  expect(JSON.parse(redact(JSON.stringify(outcome)))).toEqual({
    summary: 'login with [redacted] failed',
    evidence: [1, null],
  });
});

test('of a secret that another one starts with, nothing of the longer one stays', () => {
  const { register, redact } = createRedaction();
  register('hunter');
  register('hunter-2024');
  expect(redact('hunter and hunter-2024')).toBe('[redacted] and [redacted]');
});

test('a value too short to be a secret does not blacken texts', () => {
  const { register, redact } = createRedaction();
  register('root');
  expect(redact('user root at rooted hosts')).toBe('user root at rooted hosts');
});

test.each([
  [
    'env:SITESHIFT_NO_SUCH_SECRET',
    'secret env:SITESHIFT_NO_SUCH_SECRET: the environment of this process has no SITESHIFT_NO_SUCH_SECRET',
  ],
  ['file:/no/such/file', 'secret file:/no/such/file: cannot read the file: ENOENT'],
  ['hunter2', 'secret: expected env:NAME or file:PATH, seen a reference that starts with neither'],
])('%s that cannot be resolved names the reference only', async (reference, message) => {
  await expect(resolveSecret(reference)).rejects.toThrow(new Error(message));
});
