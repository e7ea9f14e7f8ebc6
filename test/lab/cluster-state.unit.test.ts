import { describe, expect, test } from 'vitest';
import { planCluster, type NodeState } from '../../lab/compose/cluster-state.ts';

const node = (name: string, state: Partial<NodeState> = {}): NodeState => ({
  name,
  isOpen: false,
  hasSource: false,
  isEmpty: false,
  upForSeconds: 5,
  ...state,
});
const replica = (name: string, state: Partial<NodeState> = {}) => node(name, { hasSource: true, ...state });
const fresh = (name: string) => node(name, { isEmpty: true });

describe('what is opened when the servers of the compose file come up', () => {
  test.each<[string, readonly NodeState[], object]>([
    [
      'a fresh cluster: its first server',
      [fresh('a'), fresh('b'), fresh('c')],
      { primary: 'a', attach: ['b', 'c'] },
    ],
    [
      'a fresh cluster whose preparation was killed half-way: the same',
      [fresh('a'), replica('b', { isEmpty: true }), replica('c', { isEmpty: true })],
      { primary: 'a', attach: ['b', 'c'] },
    ],
    [
      'after a stop: the one that is nobody’s replica',
      [replica('a'), node('b'), replica('c')],
      { primary: 'b' },
    ],
  ])('%s', (_case, nodes, plan) => {
    expect(planCluster(nodes)).toMatchObject({ kind: 'open', ...plan });
  });

  test.each<[string, readonly NodeState[], string]>([
    ['an open server', [replica('a'), node('b', { isOpen: true, upForSeconds: 900 })], 'open already: b'],
    ['two open servers', [node('a', { isOpen: true }), node('b', { isOpen: true })], 'open already: a and b'],
  ])('%s: everything is left as it is', (_case, nodes, because) => {
    expect(planCluster(nodes)).toEqual({ kind: 'leave', because });
  });

  test.each<[string, readonly NodeState[], RegExp]>([
    [
      'two that may have been the primary',
      [node('a'), node('b'), replica('c')],
      /^a and b are closed and nobody's/,
    ],
    ['replicas only', [replica('a'), replica('b')], /^all servers are closed replicas/],
    [
      'a primary that was closed long after its start',
      [node('a', { upForSeconds: 181 }), replica('b')],
      /^a is closed/,
    ],
    ['no server at all', [], /^all servers are closed replicas/],
  ])('%s: nothing is opened', (_case, nodes, because) => {
    expect(planCluster(nodes)).toEqual({ kind: 'refuse', because: expect.stringMatching(because) as string });
  });
});
