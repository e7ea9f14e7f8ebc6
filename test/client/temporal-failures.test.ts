import { expect, test } from 'vitest';
import { translated } from '../../client/temporal-failures.ts';

const grpcError = (code: number, details: string) =>
  Object.assign(new Error(`${code} NOT_FOUND: ${details}`), { code, details, metadata: {} });

test.each([
  ['workflow not found for ID: nosuch', 'refused', 'could not fetch the history of r: there is no such run'],
  ['Namespace shop is not found.', 'unreachable', 'Namespace shop is not found.'],
])('%s', async (details, ending, message) => {
  const failed = translated('fetch the history of r', () => Promise.reject(grpcError(5, details)));
  await expect(failed).rejects.toMatchObject({ ending, message: expect.stringContaining(message) as string });
});
