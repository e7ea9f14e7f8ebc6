import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openGate } from '../../activities/kubernetes/in-flight-gate.ts';

describe('openGate', () => {
  it('halves once for those who were refused together, and widens again', async () => {
    let clock = 0;
    const gate = openGate(32, () => clock);
    for (let index = 0; index < 8; index += 1) await gate.enter();
    for (let index = 0; index < 8; index += 1) gate.leave('busy');
    expect(gate.width()).toBe(16);
    clock = 1_000;
    await gate.enter();
    gate.leave('busy');
    expect(gate.width()).toBe(8);
    for (let index = 0; index < 2_000; index += 1) {
      await gate.enter();
      gate.leave('fine');
    }
    expect(gate.width()).toBe(32);
  });

  it('never lets more in than its width, loses nobody and starves nobody', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.boolean(), { maxLength: 60 }),
        async (most, answers) => {
          let clock = 0;
          let inside = 0;
          let largest = 0;
          const gate = openGate(most, () => (clock += 400));
          await Promise.all(
            answers.map(async (isFine) => {
              await gate.enter();
              inside += 1;
              largest = Math.max(largest, inside);
              await Promise.resolve();
              inside -= 1;
              gate.leave(isFine ? 'fine' : 'busy');
            }),
          );
          expect(inside).toBe(0);
          expect(largest).toBeLessThanOrEqual(most);
        },
      ),
    );
  });
});
