import { expect, test } from 'vitest';
import { gatherAnswers } from '../../activities/gather-answers.ts';
import { GatewaySilent, type GatewayClient } from '../../activities/gateways.ts';

const named = (...names: string[]) => names.map((name) => ({ name }) as GatewayClient);
const never = () => new Promise<string>(() => undefined);
const later = (value: string, ms: number) =>
  new Promise<string>((resolve) => setTimeout(() => resolve(value), ms));

test('a gateway that keeps silent does not keep the others waiting once a majority has answered', async () => {
  const ask = ({ name }: GatewayClient) => (name === 'c' ? never() : later(name, 10));
  expect(await gatherAnswers(named('a', 'b', 'c'), ask)).toEqual([
    'a',
    'b',
    { gateway: 'c', silent: 'does not answer (300 ms after a majority has)' },
  ]);
});

test('without a majority everybody is given their own time', async () => {
  const ask = async ({ name }: GatewayClient) => {
    await later('', name === 'a' ? 1 : 450);
    if (name === 'a') return name;
    throw new GatewaySilent('does not answer (ECONNREFUSED)');
  };
  const silent = 'does not answer (ECONNREFUSED)';
  expect(await gatherAnswers(named('a', 'b', 'c'), ask)).toEqual([
    'a',
    { gateway: 'b', silent },
    { gateway: 'c', silent },
  ]);
});

test('a gateway that is needed is waited for', async () => {
  const ask = ({ name }: GatewayClient) => later(name, name === 'c' ? 600 : 1);
  expect(await gatherAnswers(named('a', 'b', 'c'), ask, ['c'])).toEqual(['a', 'b', 'c']);
});

test('what is no silence is an error', async () => {
  const ask = ({ name }: GatewayClient) =>
    name === 'b' ? Promise.reject(new Error('HTTP 400')) : later(name, 1);
  await expect(gatherAnswers(named('a', 'b'), ask)).rejects.toThrow('HTTP 400');
});
