import { expect, test } from 'vitest';
import { changesBetween } from '../../domain/report/changes.ts';

test('only what differs is told, with the way to it', () => {
  const worker = (epoch: number) => ({ pid: 7, epoch });
  const gateway = (name: string, epoch: number, acceptedForMs: number) => ({
    gateway: name,
    accepted: { epoch, members: ['gw-1', 'gw-2'] },
    acceptedForMs,
    workers: [worker(epoch)],
  });
  expect(
    changesBetween(
      { base: { epoch: 1 }, gateways: [gateway('gw-1', 1, 900), gateway('gw-2', 2, 900)] },
      { base: null, gateways: [gateway('gw-2', 2, 15), gateway('gw-1', 2, 15)] },
    ),
  ).toEqual([
    { where: 'base', before: { epoch: 1 }, after: null },
    { where: 'gateways › gw-1 › accepted › epoch', before: 1, after: 2 },
    { where: 'gateways › gw-1 › workers › 7 › epoch', before: 1, after: 2 },
  ]);
});

test('lists of plain values are compared as a whole; what comes and what goes is a change', () => {
  expect(
    changesBetween(
      { writable: ['a'], nodes: [{ name: 'a', writable: true }], journal: [] },
      { writable: ['b'], nodes: [{ name: 'b', writable: true }], journal: [{ epoch: 2 }] },
    ),
  ).toEqual([
    { where: 'writable', before: ['a'], after: ['b'] },
    { where: 'nodes › a', before: { name: 'a', writable: true }, after: null },
    { where: 'nodes › b', before: null, after: { name: 'b', writable: true } },
    { where: 'journal', before: [], after: [{ epoch: 2 }] },
  ]);
});

test('the same is no change, and nothing is something', () => {
  expect(changesBetween({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toEqual([]);
  expect(changesBetween({ a: 0, b: '' }, { a: null, b: false })).toEqual([
    { where: 'a', before: 0, after: null },
    { where: 'b', before: '', after: false },
  ]);
});
