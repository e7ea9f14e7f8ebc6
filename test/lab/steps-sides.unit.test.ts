import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { sidesOf } from '../../lab/bench/steps-sides.ts';

test('without anything to compare there is the lab alone', () => {
  expect(sidesOf([]).map(({ name }) => name)).toEqual(['lab']);
});

test('each side has what is changed in it, in the kind of value that it reads like', () => {
  const [, first, second] = sidesOf([
    'history.someRate=20,system.someSwitch=false,sqlite:synchronous=FULL,env:GOGC=400',
    'checkout=older',
  ]);
  expect(first).toEqual({
    name: 'history.someRate=20,system.someSwitch=false,sqlite:synchronous=FULL,env:GOGC=400',
    dynamicConfig: { 'history.someRate': 20, 'system.someSwitch': false },
    sqlitePragmas: { synchronous: 'FULL' },
    environment: { GOGC: '400' },
  });
  expect(second?.checkout).toBe(resolve('older'));
});

test.each(['history.someRate', '=20', 'a=', 'a=b=c', 'a=1,,b=2'])(
  '%j is refused with what was expected',
  (text) => {
    expect(() => sidesOf([text])).toThrow('--against: expected KEY=VALUE');
  },
);
