import { expect, it } from 'vitest';
import { formerIn, formerName, formerRecord, stampOfFormer } from '../../domain/kubernetes/former-state.ts';
import { operation } from './step-tools.ts';

const owner = (epoch: number, more: object = {}) => ({
  operation: operation(epoch),
  step: 'scale-out/west-general',
  what: 'scaleOutNodes general',
  ...more,
});

it('a step finds the state that it kept itself, and nothing of an earlier or another operation', () => {
  const record = formerRecord(owner(4), { asked: 2 });
  expect(formerIn(record, owner(4))).toEqual({ asked: 2 });
  expect(formerIn(record, owner(5))).toBeUndefined();
  expect(formerIn(record, { ...owner(4), operation: operation(4, 'twin') })).toBeUndefined();
  expect(formerIn(undefined, owner(4))).toBeUndefined();
  expect(stampOfFormer(record)).toEqual({ epoch: 4, operation: 'run-4' });
});

it('a state of nothing is kept, too; a record that somebody broke is none', () => {
  expect(formerIn(formerRecord(owner(4), null), owner(4))).toBeNull();
  expect(formerIn({ ...formerRecord(owner(4), null), state: '{' }, owner(4))).toBeUndefined();
  expect(stampOfFormer({ epoch: 'four', operation: 'run-4' })).toBeUndefined();
});

it('names one record a step and target, in words that Kubernetes takes', () => {
  expect(formerName(owner(4))).toMatch(/^former-[0-9a-f]{16}$/);
  expect(formerName(owner(5))).toBe(formerName(owner(4)));
  const names = [{}, { step: 'mesh/west' }, { what: 'scaleOutNodes large' }].map((more) =>
    formerName(owner(4, more)),
  );
  expect(new Set(names).size).toBe(3);
});
